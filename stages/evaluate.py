"""Stage 4: evaluate the trained network, or ensemble, on the test set."""

from pathlib import Path

from src.common.artifacts import Error, MetricsFile, Prediction, TestImage
from src.common.dataset import Dataset
from src.common.files import write_bytes, write_csv, write_json
from src.evaluate.evaluation import evaluate, list_test_images
from src.network.backbone import extract_features
from src.network.model_file import load_networks
from src.params.params import read_params

MODEL = Path("data/train/model.safetensors")
TEST = Path("data/download/test.npz")
PREDICTIONS = Path("data/evaluate/predictions.csv")
ERRORS = Path("data/evaluate/errors.csv")
TEST_SET = Path("data/evaluate/test_set.csv")
ERROR_IMAGES = Path("data/evaluate/errors.png")
METRICS = Path("data/evaluate/metrics.json")
DECIMALS = ".6f"  # of probabilities and losses


def main() -> None:
    params = read_params()
    data = Dataset.load(TEST)
    features = extract_features(params.model.backbone, data.images)
    evaluation = evaluate(load_networks(MODEL), data, params.evaluate, features)
    write_csv(PREDICTIONS, Prediction, evaluation.predictions, DECIMALS)
    write_csv(ERRORS, Error, evaluation.errors, DECIMALS)
    write_csv(TEST_SET, TestImage, list_test_images(data))
    write_bytes(ERROR_IMAGES, evaluation.error_images)
    write_json(METRICS, MetricsFile(test=evaluation.metrics).model_dump(exclude_none=True))
    print(evaluation.summary())
