"""Get the dataset that the parameters name."""

from pathlib import Path

import numpy as np
from PIL import Image

from src.common.dataset import Dataset
from src.common.errors import UserError
from src.common.text import IN_A_FOLDER, show
from src.download.decisions import NO_DECISIONS, Decisions, Downloaded
from src.download.idx_datasets import DIGITS, fetch_idx_dataset
from src.download.params import DownloadParams
from src.pictures.reading import digest_images


def download_dataset(params: DownloadParams, decisions: Decisions = NO_DECISIONS) -> Downloaded:
    """Get the training set and the test set, and apply the decisions of labels.csv.

    Raise UserError if the dataset cannot be read. Some imports are local because they are slow.
    """
    is_set = Path(params.folder) != Path(DownloadParams.model_fields["folder"].default)
    if params.dataset not in IN_A_FOLDER and is_set:
        print(f"download: download.folder = {params.folder} is not used, since download.dataset = {params.dataset}")
    if params.dataset == "folder":
        from src.download.folder import load_folder

        return load_folder(params, decisions)
    if params.dataset == "digits":
        train, test = load_small_digits()
    elif params.dataset == "idx":
        from src.download.idx_folder import load_idx_folder

        train, test = load_idx_folder(params)
    else:
        train, test = fetch_idx_dataset(params)
    return apply_decisions(train, test, decisions)


def apply_decisions(train: Dataset, test: Dataset, decisions: Decisions) -> Downloaded:
    """Apply decisions to data other than `folder`; raise UserError if a class loses its training or test images."""
    in_test = np.repeat([False, True], [len(train.labels), len(test.labels)])
    labels, kept, _, applied = decisions.apply(
        train.classes,
        np.concatenate([train.labels, test.labels]),
        [digest.tobytes() for digest in np.concatenate([train.digests, test.digests])],
        in_test.tolist(),
        [()] * len(in_test),
    )
    if not applied:
        return Downloaded(train, test, [], [])
    sides = []
    for name, side, data in (("training", ~in_test, train), ("test", in_test, test)):
        empty = np.setdiff1d(data.labels, labels[side & kept])
        if len(empty):
            names = ", ".join(show(data.classes[label]) for label in empty)
            raise UserError(f"{decisions.path} leaves no {name} image of: {names}")
        sides.append(data._replace(labels=labels[side]).select(np.flatnonzero(kept[side])))
    return Downloaded(sides[0], sides[1], [], applied)


def load_small_digits() -> tuple[Dataset, Dataset]:
    """Load scikit-learn's 1,797 digits of 8x8 pixels, enlarged to 28x28; a stratified fifth of them is the test set."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    small, labels = load_digits(return_X_y=True)
    grey = np.round(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    size, method = (28, 28), Image.Resampling.BICUBIC
    images = np.stack([np.asarray(Image.fromarray(image).resize(size, method)) for image in grey])[:, None]
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    digits = Dataset(images, labels.astype(np.int64), list("0123456789"), DIGITS, digest_images(images))
    return digits.select(train), digits.select(test)
