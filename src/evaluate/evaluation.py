"""The evaluation as a whole: predictions, mistakes and metrics on the test set."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from src.common.sprites import make_sprite_sheet
from src.evaluate.metrics import measure, measure_members
from src.evaluate.params import EvaluateParams
from src.evaluate.prediction import average_networks, check_compatible, predict_probabilities
from src.evaluate.tables import error_rows, prediction_rows
from src.network.convnet import ConvNet
from src.network.device import choose_device


class Evaluation(NamedTuple):
    """The rows of predictions.csv and errors.csv, the sprite sheet of the misclassified images, and the metrics."""

    prediction_rows: list[tuple[int | str, ...]]
    error_rows: list[tuple[int | str, ...]]
    error_images: bytes
    metrics: dict[str, Any]

    def summary(self) -> str:
        """Sum up the metrics for the terminal."""
        images, errors = self.metrics["images"], self.metrics["errors"]
        text = (
            f"evaluate: test accuracy {self.metrics['accuracy']:.2%} ({images - errors:,} of {images:,} images),"
            f" {errors:,} errors, mean loss {self.metrics['loss']:.4f}"
        )
        if members := self.metrics.get("members"):
            single = f"{100 * members['mean_accuracy']:.3f} ± {100 * members['deviation']:.3f}%"
            text += f"\nevaluate: ensemble of {len(members['accuracy'])}; single networks average {single}"
        return text


def evaluate(networks: Sequence[ConvNet], data: dict[str, np.ndarray], params: EvaluateParams) -> Evaluation:
    """Evaluate networks on `images` uint8 (N, C, H, W), `labels` int64 (N,) and `classes` str (K,).

    Raise UserError if the networks do not fit the data, or the requested device is missing.
    """
    images, labels, classes = data["images"], data["labels"], data["classes"]
    check_compatible(networks[0], images, classes)
    device = choose_device(params.device, "evaluate.device")
    probabilities = predict_probabilities(networks, images, params, device)
    predictions = average_networks(probabilities)
    metrics = measure(predictions, labels, classes, params.calibration_bins)
    if len(networks) > 1:
        metrics["members"] = measure_members(probabilities, labels)
    return Evaluation(
        prediction_rows(predictions, labels, classes),
        error_rows(predictions, labels, classes),
        make_sprite_sheet(images[predictions.predicted != labels]),
        metrics,
    )
