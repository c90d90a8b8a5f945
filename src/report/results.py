"""The artifacts that the report is built from, and the arrays that the plots need."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from src.common.errors import UserError, recreate
from src.common.sprites import split_sprite_sheet

Rows = Sequence[Mapping[str, str]]  # of a CSV file


class Environment(BaseModel):
    """What the report needs of environment.json; it shows the rest as it is."""

    torch: str
    processor: str


class Mistakes(NamedTuple):
    """Images uint8 (E, C, H, W), class indices int64 (E,) and confidence float (E,) of the wrong predictions."""

    images: np.ndarray
    actual: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    classes: np.ndarray


class Results(NamedTuple):
    """The contents of the artifacts; error_images and augmented are sprite sheets, params is params.yaml."""

    errors: Rows
    error_images: bytes
    predictions: Rows
    metrics: Mapping[str, Any]
    history: Rows
    layers: Rows
    augmented: bytes
    environment: Mapping[str, Any]
    params: Mapping[str, Any]
    files: Mapping[str, str]  # of the test images that have a file of their own, by index
    result_id: str  # the first digits of the MD5 of predictions.csv, which is in dvc.lock

    @property
    def members(self) -> int:
        """Number of networks in the ensemble."""
        return len(self.metrics["members"]["accuracy"]) if "members" in self.metrics else 1

    def mistakes(self) -> Mistakes:
        """Return the misclassified images as arrays; raise UserError if errors.csv does not fit the metrics."""
        classes = np.array(list(self.metrics["recall"]))
        index_of = {name: index for index, name in enumerate(classes)}
        unknown = {row[key] for row in self.errors for key in ("actual", "predicted")} - index_of.keys()
        if unknown or len(self.errors) != self.metrics["errors"]:
            found = f"unknown class {min(unknown)!r}" if unknown else f"{len(self.errors)} rows"
            expected = f"{self.metrics['errors']} errors in the classes {', '.join(index_of)}"
            raise UserError(f"errors.csv has {found}, but metrics.json has {expected}; {recreate('evaluate')}")
        actual, predicted = (
            np.array([index_of[row[key]] for row in self.errors], np.int64) for key in ("actual", "predicted")
        )
        images = split_sprite_sheet(self.error_images, len(self.errors))
        return Mistakes(images, actual, predicted, column(self.errors, "confidence"), classes)


def column(rows: Rows, key: str) -> np.ndarray:
    """Return one column as float (N,)."""
    return np.array([float(row[key]) for row in rows])
