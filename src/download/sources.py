"""Get the dataset from the source that the parameters name."""

import numpy as np
from PIL import Image

from src.common.artifacts import PictureName
from src.common.dataset import Dataset, Preprocessing
from src.download.params import DownloadParams
from src.pictures.reading import digest_images


def download_dataset(params: DownloadParams) -> tuple[Dataset, Dataset, list[PictureName]]:
    """Get the training set, the test set, and the names of the images' files, if each has one.

    Raise UserError if no source has the dataset. Imports are local because some are slow.
    """
    if params.dataset == "digits":
        return *load_small_digits(), []
    if params.dataset == "folder":
        from src.download.folder import load_folder

        return load_folder(params)
    if params.dataset == "idx":
        from src.download.idx_folder import load_idx_folder

        return *load_idx_folder(params), []
    from src.download.idx_datasets import fetch_idx_dataset

    return *fetch_idx_dataset(params), []


def load_small_digits() -> tuple[Dataset, Dataset]:
    """Load scikit-learn's 1,797 digits of 8x8 pixels, enlarged to 28x28; a stratified fifth of them is the test set."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    small, labels = load_digits(return_X_y=True)
    grey = np.round(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    size, method = (28, 28), Image.Resampling.BICUBIC
    images = np.stack([np.asarray(Image.fromarray(image).resize(size, method)) for image in grey])[:, None]
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    preprocessing = Preprocessing(fit="character", background="paper")
    digits = Dataset(images, labels.astype(np.int64), list("0123456789"), preprocessing, digest_images(images))
    return digits.select(train), digits.select(test)
