"""Stage 4: evaluate the trained network, or ensemble, on the test set."""

from pathlib import Path

from src.common.cli import run_cli
from src.common.files import load_arrays, write_bytes, write_csv, write_json
from src.common.params import StageParams
from src.evaluate.evaluation import evaluate
from src.evaluate.params import EvaluateParams
from src.evaluate.tables import ERROR_COLUMNS, PREDICTION_COLUMNS
from src.network.model_file import load_networks
from src.settings.all_params import read_stage_params

MODEL = Path("data/train/model.safetensors")
TEST = Path("data/download/test.npz")
PREDICTIONS = Path("data/evaluate/predictions.csv")
ERRORS = Path("data/evaluate/errors.csv")
ERROR_IMAGES = Path("data/evaluate/errors.png")
METRICS = Path("data/evaluate/metrics.json")


class Params(StageParams):
    evaluate: EvaluateParams


def main() -> None:
    params = read_stage_params(Params).evaluate
    data, networks = load_arrays(TEST, "images", "labels", "classes"), load_networks(MODEL)
    evaluation = evaluate(networks, data, params)
    write_csv(PREDICTIONS, PREDICTION_COLUMNS, evaluation.prediction_rows)
    write_csv(ERRORS, ERROR_COLUMNS, evaluation.error_rows)
    write_bytes(ERROR_IMAGES, evaluation.error_images)
    write_json(METRICS, {"test": evaluation.metrics})
    print(evaluation.summary())


if __name__ == "__main__":
    run_cli(main)
