"""The stratified split of the training set."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import train_test_split

from src.common.dataset import Dataset, Split
from src.common.errors import UserError
from src.split.params import SplitParams

IMBALANCE = 0.1  # images of the smallest class to those of the largest, below which describe_imbalance advises weights


def split_rows(data: Dataset, params: SplitParams) -> Split:
    """Split the rows of the training set, stratified by label; raise UserError if either side would lack a class."""
    labels, classes = data.labels, np.array(data.classes)
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        rare = ", ".join(classes[counts < 2])
        raise UserError(
            f"at least two training images of every class are needed, one of them to validate; add some of {rare}"
        )
    rows = np.arange(len(labels))
    fraction = f"split.validation_fraction = {params.validation_fraction}"
    try:
        train, validation = train_test_split(
            rows, test_size=params.validation_fraction, stratify=labels, random_state=params.seed
        )
    except ValueError:
        raise UserError(
            f"{fraction} of {len(labels):,} images leaves less than one training or validation image for each of the"
            f" {len(classes)} classes; change it or add images"
        ) from None
    for name, side in (("training", train), ("validation", validation)):
        missing = np.setdiff1d(np.arange(len(classes)), labels[side])
        if len(missing):
            raise UserError(f"{fraction} leaves no {name} images of class {', '.join(classes[missing])}")
    return Split(np.sort(train), np.sort(validation))


def describe_imbalance(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Warn if the smallest class has too few of the training images, counts int64 (K,); return "" if not."""
    smallest, largest = int(counts.argmin()), int(counts.argmax())
    if counts[smallest] >= IMBALANCE * counts[largest]:
        return ""
    return (
        f"warning: class {classes[smallest]} has only {counts[smallest]:,} training images, class {classes[largest]}"
        f" {counts[largest]:,}; consider train.class_weights: balanced"
    )
