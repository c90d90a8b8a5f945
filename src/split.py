"""Labels in, the rows that train and the rows that validate out, in equal shares of every class."""

from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.model_selection import train_test_split

from src.params import Section


class SplitParams(Section):
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]


def stratified_split(labels: np.ndarray, classes: np.ndarray, params: SplitParams) -> tuple[np.ndarray, np.ndarray]:
    """Split rows by label: (train, validation), int64, sorted.

    labels: int64 (N,), indices into classes (K,). ValueError when a class would be missing on one side.
    """
    rows = np.arange(len(labels))
    fraction = f"split.validation_fraction = {params.validation_fraction}"
    try:
        train, validation = train_test_split(
            rows, test_size=params.validation_fraction, stratify=labels, random_state=params.seed
        )
    except ValueError as error:
        raise ValueError(f"{fraction} does not fit {len(labels):,} images: {error}") from None
    for name, side in (("train", train), ("validate", validation)):
        missing = np.setdiff1d(np.arange(len(classes)), labels[side])
        if len(missing):
            raise ValueError(f"{fraction} leaves no image to {name} of class {', '.join(classes[missing])}")
    return np.sort(train), np.sort(validation)
