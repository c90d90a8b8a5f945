"""scikit-learn's handwritten digits, which need no network."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from src.download.dataset import Dataset


def load_small_digits() -> Dataset:
    """Load the 1,797 digits of 8x8 pixels, enlarged to 28x28; a stratified fifth of them is the test set."""
    small, labels = load_digits(return_X_y=True)
    grey = np.round(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    size, method = (28, 28), Image.Resampling.BICUBIC
    images = np.stack([np.asarray(Image.fromarray(image).resize(size, method)) for image in grey])[:, None]
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    labels = labels.astype(np.int64)
    return Dataset(images[train], labels[train], images[test], labels[test], np.array(list("0123456789")), "character")
