"""The type of a downloaded dataset."""

from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """Images uint8 (N, C, H, W), labels int64 (N,) for training and test, and class names str (K,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: np.ndarray
