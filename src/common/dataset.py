"""Labelled images, and the split of the training set, which the stages pass to each other as .npz files."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from src.common.errors import damaged
from src.common.files import load_arrays, save_arrays

Fit = Literal["crop", "pad", "stretch"]
InputFit = Literal[Fit, "character", "drawing"]
FRAMED = "character", "drawing"  # their ink is isolated, and framed as MNIST frames its digits


class Preprocessing(BaseModel):
    """How a picture becomes an image for the network: stored with the data, and in the model.

    fit: how the picture is brought to the image's shape. background: what is behind transparent pixels; `paper` is
    black behind light ink and white behind dark ink. bits: how many bits are in use in integer samples of more than 8
    bits; the upper 8 of those in use are kept.
    """

    model_config = ConfigDict(frozen=True)

    fit: InputFit
    background: Literal["white", "black", "paper"] = "white"
    bits: int = 16


class Dataset(NamedTuple):
    """Labelled images.

    images: uint8 (N, C, H, W), 0 to 255, N at least 1; MNIST has light ink on black. labels: int64 (N,), indices into
    the names in classes. preprocessing: how any other picture becomes an image like these. digests: uint8 (N, 16), the
    digests of the pictures that the images were made from. validation: int64 (V,), the rows of images that the user
    reserved for validation, if any.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]
    preprocessing: Preprocessing
    digests: np.ndarray
    validation: np.ndarray = np.zeros(0, np.int64)

    def select(self, rows: np.ndarray | slice) -> "Dataset":
        """Return the images of some rows, with their labels and digests; the result reserves no rows for validation."""
        return Dataset(self.images[rows], self.labels[rows], self.classes, self.preprocessing, self.digests[rows])

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        save_arrays(
            path,
            images=self.images,
            labels=self.labels,
            classes=np.array(self.classes),
            preprocessing=np.array(self.preprocessing.model_dump_json()),
            digests=self.digests,
            validation=self.validation,
        )

    @classmethod
    def load(cls, path: Path) -> "Dataset":
        """Read an .npz file; raise UserError if it is missing or damaged, or if its arrays do not match each other."""
        arrays = load_arrays(
            path,
            images=(np.uint8, 4),
            labels=(np.int64, 1),
            classes=(np.str_, 1),
            preprocessing=(np.str_, 0),
            digests=(np.uint8, 2),
            validation=(np.int64, 1),
        )
        images, labels, classes, preprocessing, digests, validation = arrays.values()
        if not len(images) == len(labels) == len(digests):
            counts = f"{len(images):,} images, but {len(labels):,} labels and {len(digests):,} digests"
            raise damaged(path, counts)
        if not len(labels) or labels.min() < 0 or labels.max() >= len(classes):
            raise damaged(path, f"every label must be from 0 to {len(classes) - 1}, and there must be at least one")
        try:
            described = Preprocessing.model_validate_json(preprocessing.item())
        except ValidationError as error:
            raise damaged(path, error.errors()[0]["msg"]) from None
        return cls(images, labels, classes.tolist(), described, digests, validation)


class Split(NamedTuple):
    """The rows of the training set to train on and those to validate on: int64, sorted, disjoint."""

    train: np.ndarray
    validation: np.ndarray

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        save_arrays(path, train=self.train, validation=self.validation)

    @classmethod
    def load(cls, path: Path) -> "Split":
        """Read an .npz file; raise UserError if it is missing or damaged."""
        return cls(**load_arrays(path, train=(np.int64, 1), validation=(np.int64, 1)))
