"""The rows of predictions.csv and errors.csv."""

import numpy as np

from src.common.text import describe_top_classes
from src.evaluate.prediction import Predictions

PREDICTION_COLUMNS = ("index", "actual", "predicted", "confidence")
ERROR_COLUMNS = (*PREDICTION_COLUMNS, "loss", "likeliest")


def prediction_rows(predictions: Predictions, labels: np.ndarray, classes: np.ndarray) -> list[tuple[int | str, ...]]:
    """Return one row per image: its index, the names of its label and of the predicted class, and the confidence."""
    names = classes[labels].tolist(), classes[predictions.predicted].tolist()
    return list(zip(range(len(labels)), *names, map(_format, predictions.confidence), strict=True))


def error_rows(predictions: Predictions, labels: np.ndarray, classes: np.ndarray) -> list[tuple[int | str, ...]]:
    """Return the prediction rows of the misclassified images, with the loss and the most probable classes added."""
    wrong = np.flatnonzero(predictions.predicted != labels)
    rows = prediction_rows(predictions, labels, classes)
    likelihoods = predictions.probabilities[wrong, labels[wrong]]
    losses = -np.log(likelihoods.clip(np.finfo(float).eps))  # clipped to stay finite, as in scikit-learn's log_loss
    top_classes = describe_top_classes(predictions.probabilities[wrong], classes.tolist())
    return [(*rows[i], _format(loss), text) for i, loss, text in zip(wrong, losses, top_classes, strict=True)]


def _format(value: float) -> str:
    return f"{value:.6f}"
