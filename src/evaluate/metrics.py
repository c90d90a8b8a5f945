"""Compute metrics from predictions and labels."""

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from src.evaluate.prediction import Predictions


def measure(predictions: Predictions, labels: np.ndarray, classes: np.ndarray, bins: int) -> dict[str, Any]:
    """Compute all metrics.

    labels: int64 (N,), classes: names (K,), bins: number of bins of the calibration error. Rates are fractions, the
    loss is a mean over images. The balanced accuracy is the mean recall of the classes that have images; a class
    without images has a recall of 0.
    """
    indices = np.arange(len(classes))
    correct = predictions.predicted == labels
    recall = recall_score(labels, predictions.predicted, labels=indices, average=None, zero_division=0)
    return {
        "loss": float(log_loss(labels, predictions.probabilities, labels=indices)),
        "accuracy": float(accuracy_score(labels, predictions.predicted)),
        "balanced_accuracy": float(recall[np.unique(labels)].mean()),
        "errors": int((~correct).sum()),
        "images": len(labels),
        "macro_f1": float(f1_score(labels, predictions.predicted, labels=indices, average="macro", zero_division=0)),
        "calibration_error": calibration_error(predictions.confidence, correct, bins),
        "recall": dict(zip(classes.tolist(), recall.tolist(), strict=True)),
    }


def measure_members(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Compute the accuracy of every network of an ensemble, with mean and sample standard deviation.

    probabilities: (M, N, K), labels: int64 (N,).
    """
    accuracies = (probabilities.argmax(2) == labels).mean(1)
    return {
        "mean_accuracy": float(accuracies.mean()),
        "deviation": float(accuracies.std(ddof=1)),
        "accuracy": {str(member): accuracy for member, accuracy in enumerate(accuracies.tolist())},
    }


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int) -> float:
    """Compute the expected calibration error: |accuracy - mean confidence| per bin, weighted by the number of images.

    confidence: float (N,) in [0, 1], correct: bool (N,). Bins have equal width and include their upper edge.
    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(
        bin_of, weights=correct - confidence, minlength=bins
    )  # each bin's gap times its number of images
    return float(np.abs(gaps).sum() / len(correct))
