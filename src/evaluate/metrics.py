"""Compute metrics from predictions and labels.

scikit-learn has most of these metrics, but takes a second to import; the tests check against it.
"""

from collections.abc import Sequence

import numpy as np

from src.common.artifacts import Members, Metrics
from src.common.metrics import confidence_bins
from src.evaluate.prediction import Predictions


def measure(predictions: Predictions, labels: np.ndarray, classes: Sequence[str], bins: int) -> Metrics:
    """Compute all metrics.

    labels: int64 (N,), classes: K names, bins: number of bins of the calibration error. The balanced accuracy is the
    mean recall, and macro F1 the mean F1, of the classes that have images; a class without images has a recall of 0.
    """
    correct = predictions.predicted == labels
    actual, predicted, hits = (
        np.bincount(values, minlength=len(classes)) for values in (labels, predictions.predicted, labels[correct])
    )
    recall = hits / actual.clip(1)
    f1 = 2 * hits / (actual + predicted).clip(1)
    return Metrics(
        loss=float(image_losses(predictions, labels).mean()),
        accuracy=float(correct.mean()),
        balanced_accuracy=float(recall[actual > 0].mean()),
        errors=int((~correct).sum()),
        images=len(labels),
        macro_f1=float(f1[actual > 0].mean()),
        calibration_error=calibration_error(predictions.confidence, correct, bins),
        recall=dict(zip(classes, recall.tolist(), strict=True)),
    )


def image_losses(predictions: Predictions, labels: np.ndarray) -> np.ndarray:
    """Compute the loss of every image, float64 (N,), clipped to stay finite."""
    likelihoods = predictions.probabilities[np.arange(len(labels)), labels]
    losses: np.ndarray = -np.log(likelihoods.clip(np.finfo(float).eps))
    return losses


def measure_members(probabilities: np.ndarray, labels: np.ndarray) -> Members:
    """Compute the accuracy of every member of an ensemble, with mean and sample standard deviation.

    probabilities: (M, N, K), labels: int64 (N,).
    """
    accuracies = (probabilities.argmax(2) == labels).mean(1)
    return Members(
        mean_accuracy=float(accuracies.mean()),
        deviation=float(accuracies.std(ddof=1)),
        accuracy={str(member): accuracy for member, accuracy in enumerate(accuracies.tolist())},
    )


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int) -> float:
    """Compute the expected calibration error: |accuracy - mean confidence| per bin, weighted by the number of images.

    confidence: float (N,) in [0, 1], correct: bool (N,).
    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    bin_of = confidence_bins(confidence, bins)
    # The gap of each bin, times its number of images.
    gaps = np.bincount(bin_of, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(correct))
