"""The stratified split of the training set."""

import numpy as np
from sklearn.model_selection import train_test_split

from src.split.params import SplitParams


def split_rows(labels: np.ndarray, classes: np.ndarray, params: SplitParams) -> tuple[np.ndarray, np.ndarray]:
    """Split row numbers into training and validation sets, stratified by label; return both as sorted int64.

    labels: int64 (N,), indices into the class names classes (K,). Raise ValueError if either side would lack a class.
    """
    rows = np.arange(len(labels))
    fraction = f"split.validation_fraction = {params.validation_fraction}"
    try:
        train, validation = train_test_split(
            rows, test_size=params.validation_fraction, stratify=labels, random_state=params.seed
        )
    except ValueError as error:
        raise ValueError(f"{fraction} cannot split {len(labels):,} images: {error}") from None
    for name, side in (("training", train), ("validation", validation)):
        missing = np.setdiff1d(np.arange(len(classes)), labels[side])
        if len(missing):
            raise ValueError(f"{fraction} leaves no {name} images of class {', '.join(classes[missing])}")
    return np.sort(train), np.sort(validation)
