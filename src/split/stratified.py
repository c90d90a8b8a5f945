"""The stratified split of the training set."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import train_test_split

from src.common.dataset import Dataset, Split
from src.common.errors import UserError
from src.common.text import count
from src.split.params import SplitParams

IMBALANCE = 0.1  # ratio of the smallest class to the largest, below which describe_imbalance suggests class weights


def split_rows(data: Dataset, params: SplitParams) -> Split:
    """Split the rows of the training set as the dataset says or, if it does not say, stratified by label.

    Where the rows are chosen here, both parts get at least one image of every class, even if that changes the
    fraction. Raise UserError if a class has no image to train on or, where the rows are chosen here, only one.
    """
    labels, needed = data.labels, 1 if len(data.validation) else 2
    train = np.setdiff1d(np.arange(len(labels)), data.validation)
    counts = np.bincount(labels[train], minlength=len(data.classes))
    if counts.min() < needed:
        rare = ", ".join(name for name, images in zip(data.classes, counts, strict=True) if images < needed)
        reason = "" if needed == 1 else ", one of them for validation"
        raise UserError(
            f"every class needs at least {count('image', needed)} in the training set{reason}; add some for {rare}"
        )
    if len(data.validation):
        return Split(train, data.validation)
    if min(params.validation_fraction, 1 - params.validation_fraction) * len(labels) >= len(data.classes):
        train, validation = train_test_split(
            train, test_size=params.validation_fraction, stratify=labels, random_state=params.seed
        )
        if all(len(np.unique(labels[rows])) == len(data.classes) for rows in (train, validation)):
            return Split(np.sort(train), np.sort(validation))
    # train_test_split can leave out small classes.
    order = np.random.default_rng(params.seed).permutation(len(labels))
    chosen = [
        rows[: min(max(round(params.validation_fraction * len(rows)), 1), len(rows) - 1)]
        for rows in (order[labels[order] == label] for label in range(len(data.classes)))
    ]
    validation = np.sort(np.concatenate(chosen))
    return Split(np.setdiff1d(order, validation), validation)


def describe_imbalance(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Return a warning if the smallest class has too few images, else ""; counts: images per class, int64 (K,)."""
    smallest, largest = int(counts.argmin()), int(counts.argmax())
    if counts[smallest] >= IMBALANCE * counts[largest]:
        return ""
    return (
        f"warning: class {classes[smallest]} has only {count('training image', int(counts[smallest]))}, but class"
        f" {classes[largest]} has {counts[largest]:,}; train.class_weights: balanced can help"
    )
