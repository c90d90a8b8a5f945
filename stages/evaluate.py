"""Stage 4, evaluate: trained networks and the test images -> predictions, the mistakes among them, and metrics."""

from pathlib import Path

import numpy as np

from src.device import choose_device
from src.evaluate import EvaluateParams, check_fit, describe_likeliest, measure, measure_members, predict, vote
from src.files import load_arrays, read_bytes, write_bytes, write_csv, write_json
from src.model import load_networks
from src.params import Sections, read_params
from src.run import run
from src.tiles import to_sheet

MODEL = Path("data/train/model.safetensors")
TEST = Path("data/download/test.npz")
PREDICTIONS = Path("data/evaluate/predictions.csv")
ERRORS = Path("data/evaluate/errors.csv")
ERROR_IMAGES = Path("data/evaluate/errors.png")
METRICS = Path("data/evaluate/metrics.json")


class Params(Sections):
    evaluate: EvaluateParams


def main() -> None:
    params = read_params(Params).evaluate
    data, networks = load_arrays(TEST, "images", "labels", "classes"), load_networks(read_bytes(MODEL))
    images, labels, classes = data["images"], data["labels"], data["classes"]
    check_fit(networks[0], images, classes)
    device = choose_device(params.device, "evaluate.device")
    probabilities = predict(networks, images, params, device)
    predictions = vote(probabilities)
    metrics = measure(predictions, labels, classes, params.calibration_bins)
    if len(networks) > 1:
        metrics["members"] = measure_members(probabilities, labels)
    wrong = np.flatnonzero(predictions.predicted != labels)
    names = classes[labels], classes[predictions.predicted]
    rows = list(zip(range(len(labels)), *names, map(decimals, predictions.confidence), strict=True))
    likeliest = describe_likeliest(predictions.probabilities[wrong], classes)
    likelihoods = predictions.probabilities[wrong, labels[wrong]]
    losses = -np.log(likelihoods.clip(np.finfo(float).eps))  # finite, as scikit-learn's mean of them
    errors = [(*rows[i], decimals(loss), text) for i, loss, text in zip(wrong, losses, likeliest, strict=True)]
    header = ("index", "actual", "predicted", "confidence")
    write_csv(PREDICTIONS, header, rows)
    write_csv(ERRORS, (*header, "loss", "likeliest"), errors)
    write_bytes(ERROR_IMAGES, to_sheet(images[wrong]))
    write_json(METRICS, metrics)
    share = f"{len(labels) - len(wrong):,} of {len(labels):,} test images right ({metrics['accuracy']:.2%})"
    print(f"evaluate: {share}, {len(wrong):,} wrong, mean loss {metrics['loss']:.4f}")
    if members := metrics.get("members"):
        single = f"{members['mean_accuracy']:.3%} ± {100 * members['deviation']:.3f}"
        print(f"evaluate: that is the vote of {len(networks)} networks; one of them alone gets {single}")


def decimals(value: float) -> str:
    return f"{value:.6f}"


if __name__ == "__main__":
    run(main)
