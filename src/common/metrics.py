"""The recall of every class, bins of confidences, confidence intervals, and the classes that are confused most."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from src.common.artifacts import Error, Prediction

MAX_CLASSES = 50  # in a confusion matrix; more would be illegible, and take minutes and gigabytes to draw


class Recall(NamedTuple):
    """The recall of a class on its test images, with its 95% confidence interval; without images, all are 0."""

    name: str
    images: int
    recall: float
    low: float
    high: float


def recall_per_class(predictions: Iterable[Prediction], classes: Sequence[str]) -> list[Recall]:
    """Compute the recall of every class on the test set."""
    images: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    for row in predictions:
        images[row.actual] += 1
        correct[row.actual] += row.actual == row.predicted
    return [
        Recall(name, images[name], correct[name] / images[name], *wilson_interval(correct[name], images[name]))
        if images[name]
        else Recall(name, 0, 0.0, 0.0, 0.0)
        for name in classes
    ]


def confidence_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin int64 (N,) of each confidence (N,) in [0, 1]; bins have equal width and include their upper edge.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    places: np.ndarray = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return places


def wilson_interval(correct: int, images: int) -> tuple[float, float]:
    """Compute Wilson's 95% confidence interval of an accuracy or a recall.

    scipy.stats offers it, too, but takes a second to import in every stage that needs the interval.
    Source: Wilson, Journal of the American Statistical Association 22, 1927.
    """
    z = NormalDist().inv_cdf(0.975)
    centre = (correct + z**2 / 2) / (images + z**2)
    margin = z * sqrt(correct * (images - correct) / images + z**2 / 4) / (images + z**2)
    return centre - margin if correct else 0.0, centre + margin if correct < images else 1.0


def most_confused(errors: Sequence[Error], classes: Sequence[str]) -> tuple[list[str], list[Error]]:
    """Return what a confusion matrix shows: at most MAX_CLASSES classes, in their order, and the errors among them.

    If there are more classes, keep those of the most frequent confusions.
    """
    kept = {*classes} if len(classes) <= MAX_CLASSES else set()
    for pair, _ in Counter((error.actual, error.predicted) for error in errors).most_common():
        if len(kept | {*pair}) <= MAX_CLASSES:
            kept |= {*pair}
    shown = [error for error in errors if error.actual in kept and error.predicted in kept]
    return [name for name in classes if name in kept], shown
