"""Stage 4, evaluate: a trained network and the test images -> predictions, the mistakes among them, and metrics."""

from pathlib import Path

import numpy as np

from src.device import choose_device
from src.evaluate import EvaluateParams, check_fit, measure, predict
from src.files import load_arrays, read_bytes, save_arrays, write_csv, write_json
from src.model import load_network
from src.params import Sections, read_params
from src.run import run

MODEL = Path("data/train/model.safetensors")
TEST = Path("data/download/test.npz")
PREDICTIONS = Path("data/evaluate/predictions.csv")
ERRORS = Path("data/evaluate/errors.csv")
ERROR_IMAGES = Path("data/evaluate/error_images.npz")
METRICS = Path("data/evaluate/metrics.json")


class Params(Sections):
    evaluate: EvaluateParams


def main() -> None:
    params = read_params(Params).evaluate
    data, network = load_arrays(TEST), load_network(read_bytes(MODEL))
    images, labels, classes = data["images"], data["labels"], data["classes"]
    check_fit(network, images, classes)
    device = choose_device(params.device, "evaluate.device")
    predictions = predict(network, images, params.batch_size, device)
    metrics = measure(predictions, labels, classes, params.calibration_bins)
    wrong = np.flatnonzero(predictions.predicted != labels)
    header = ("index", "actual", "predicted", "confidence")
    confidence = [f"{value:.6f}" for value in predictions.confidence]
    rows = list(zip(range(len(labels)), classes[labels], classes[predictions.predicted], confidence, strict=True))
    write_csv(PREDICTIONS, header, rows)
    write_csv(ERRORS, header, [rows[index] for index in wrong])
    save_arrays(ERROR_IMAGES, images=images[wrong], classes=classes)
    write_json(METRICS, metrics)
    share = f"{len(labels) - len(wrong):,} of {len(labels):,} test images right ({metrics['accuracy']:.2%})"
    print(f"evaluate: {share}, {len(wrong):,} wrong, mean loss {metrics['loss']:.4f}")


if __name__ == "__main__":
    run(main)
