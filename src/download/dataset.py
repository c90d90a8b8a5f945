"""The type of a downloaded dataset."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from src.common.pictures import InputFit


class Dataset(NamedTuple):
    """Images uint8 (N, C, H, W), labels int64 (N,) for training and test, and class names str (K,).

    fit: how any other picture becomes an image like these: `character` (see `src/predict/framing.py`), or one of the
    ways of `src/common/pictures.py`. train_files and test_files: the file of each image, if it has its own.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: np.ndarray
    fit: InputFit
    train_files: Sequence[str] = ()
    test_files: Sequence[str] = ()
