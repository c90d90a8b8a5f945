"""The evaluation as a whole: predictions, errors and metrics on the test set."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from src.common.artifacts import Error, Metrics, Prediction, TestImage
from src.common.dataset import Dataset
from src.common.sprites import make_sprite_sheet
from src.common.text import count, describe_top_classes
from src.evaluate.metrics import image_losses, measure, measure_members
from src.evaluate.params import EvaluateParams
from src.evaluate.prediction import Predictions, average_probabilities, check_compatible, predict_probabilities
from src.network.backbone import BackboneFeatures
from src.network.convnet import ConvNet
from src.network.device import choose_device


class Evaluation(NamedTuple):
    """The rows of predictions.csv and errors.csv, the sprite sheet of the misclassified images, and the metrics."""

    predictions: list[Prediction]
    errors: list[Error]
    error_images: bytes
    metrics: Metrics

    def summary(self) -> str:
        """Summarise the metrics for the terminal."""
        metrics = self.metrics
        text = (
            f"evaluate: test accuracy {metrics.accuracy:.2%} ({metrics.images - metrics.errors:,} of"
            f" {metrics.images:,} images), {count('error', metrics.errors)}, mean loss {metrics.loss:.4f}"
        )
        if members := metrics.members:
            single = f"{100 * members.mean_accuracy:.3f} ± {100 * members.deviation:.3f}%"
            text += f"\nevaluate: ensemble of {len(members.accuracy)}; single networks average {single}"
        return text


def evaluate(
    networks: Sequence[ConvNet], data: Dataset, params: EvaluateParams, features: BackboneFeatures | None = None
) -> Evaluation:
    """Evaluate networks on the test set; features: the features of its images, if the networks take features.

    Raise UserError if the networks do not match the data, or if the requested device is missing.
    """
    check_compatible(networks[0], data, features and features.backbone)
    device = choose_device(params.device, "evaluate.device")
    probabilities = predict_probabilities(networks, features.values if features else data.images, params, device)
    predictions = average_probabilities(probabilities)
    metrics = measure(predictions, data.labels, data.classes, params.calibration_bins)
    if len(networks) > 1:
        metrics.members = measure_members(probabilities, data.labels)
    rows = list_predictions(predictions, data)
    errors = list_errors(predictions, data, rows)
    sheet = make_sprite_sheet(data.images[[error.index for error in errors]])
    return Evaluation(rows, errors, sheet, metrics)


def list_test_images(data: Dataset) -> list[TestImage]:
    """Return one row per image, so that results on different test sets can be compared on the images they share."""
    labels = [data.classes[label] for label in data.labels]
    return [TestImage(digest.tobytes().hex(), label) for digest, label in zip(data.digests, labels, strict=True)]


def list_predictions(predictions: Predictions, data: Dataset) -> list[Prediction]:
    """Return one row per image."""
    actual, predicted = (np.array(data.classes)[labels].tolist() for labels in (data.labels, predictions.predicted))
    losses = image_losses(predictions, data.labels).tolist()
    columns = range(len(data.labels)), actual, predicted, predictions.confidence.tolist(), losses
    return [Prediction(*row) for row in zip(*columns, strict=True)]


def list_errors(predictions: Predictions, data: Dataset, rows: Sequence[Prediction]) -> list[Error]:
    """Return one row per misclassified image; rows: what list_predictions returned."""
    wrong = np.flatnonzero(predictions.predicted != data.labels)
    likeliest = describe_top_classes(predictions.probabilities[wrong], data.classes)
    return [Error(**vars(rows[i]), likeliest=text) for i, text in zip(wrong.tolist(), likeliest, strict=True)]
