import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import label

from src.common.errors import UserError
from src.download.decisions import Downloaded
from src.download.idx import FILES
from src.download.idx_folder import load_idx_folder
from src.pictures.fitting import make_input
from src.pictures.reading import Picture
from tests.builders import make_download_params
from tests.unit.download.test_idx_datasets import encode_idx, make_files, write_mirror

NAMES = list(FILES.values())
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def load(folder: Path | str, **changes: Any) -> Downloaded:
    return Downloaded(*load_idx_folder(make_download_params(dataset="idx", folder=str(folder), **changes)), [], [])


def with_labels(*labels: int) -> dict[str, bytes]:
    """The files of make_files, with these labels repeated."""
    changed = {NAMES[part]: np.resize(np.array(labels, np.uint8), count) for part, count in ((1, 20), (3, 10))}
    return make_files() | {name: encode_idx(array) for name, array in changed.items()}


@pytest.mark.parametrize("compressed", [True, False])
def test_files_are_plain_or_compressed(tmp_path: Path, compressed: bool) -> None:
    data = load(write_mirror(tmp_path / "idx", make_files(), compressed), fit="pad")
    assert data.train.images.shape == (20, 1, 28, 28)
    assert data.train.images[3, 0, 1].tobytes() == make_files()[NAMES[0]][16 + 3 * 784 + 28 : 16 + 3 * 784 + 56]
    assert data.test.labels.dtype == np.int64
    assert data.test.labels.tolist() == list(range(10))
    assert data.train.classes == list("0123456789")
    assert data.train.preprocessing.fit == "pad"


def test_emnist_is_turned_upright(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = load(write_mirror(tmp_path / "plain", make_files()))
    assert "transposed" not in capsys.readouterr().out
    (tmp_path / "emnist").mkdir()
    for name, data in make_files().items():
        (tmp_path / "emnist" / f"emnist-letters-{name.replace('t10k', 'test')}").write_bytes(data)
    (tmp_path / "plain/emnist-letters-mapping.txt").write_text("1 65 97")
    assert np.array_equal(load(tmp_path / "plain").train.images, expected.train.images)
    assert "EMNIST" not in capsys.readouterr().out
    found = load(tmp_path / "emnist")
    assert "one of EMNIST's files, which hold transposed images" in capsys.readouterr().out
    for one, two in zip(expected[:2], found[:2], strict=True):
        assert np.array_equal(one.images.swapaxes(2, 3), two.images)
        assert np.array_equal(one.labels, two.labels)


def test_test_images_that_are_in_training_too_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = make_files()
    train, test = files[NAMES[0]], files[NAMES[2]]
    load(write_mirror(tmp_path / "apart", files))
    assert "also in training" not in capsys.readouterr().out
    load(write_mirror(tmp_path / "mixed", files | {NAMES[2]: test[: 16 + 7 * 784] + train[16 : 16 + 3 * 784]}))
    assert "3 test images also in training" in capsys.readouterr().out


def test_files_of_other_tools_are_read(tmp_path: Path) -> None:
    expected = load(write_mirror(tmp_path / "plain", make_files()))
    names = (
        "my-train-images-idx3-ubyte.gz",
        "train-labels.idx1-ubyte",
        "t10k-images-idx3-ubyte.gz",
        "test-labels-idx1-ubyte",
    )
    other = tmp_path / "other"
    other.mkdir()
    for place, (name, data) in enumerate(zip(names, make_files().values(), strict=True)):
        if name.startswith("test-labels"):  # as 32-bit integers
            data = encode_int32_labels(np.frombuffer(data, np.uint8, offset=8))
        (other / name).write_bytes(gzip.compress(data) if place == 0 else data)  # and one .gz that is none
    found = load(other)
    for one, two in zip(expected[:2], found[:2], strict=True):
        assert np.array_equal(one.images, two.images)
        assert np.array_equal(one.labels, two.labels)
    (other / "a-train-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(UserError, match="keep only one of them"):
        load(other)


def encode_int32_labels(labels: np.ndarray) -> bytes:
    return bytes([0, 0, 0x0C, 1]) + len(labels).to_bytes(4, "big") + labels.astype(">i4").tobytes()


def test_large_labels_are_classes_and_negative_ones_are_none(tmp_path: Path) -> None:
    for name, labels in (("large", [3, 10**9]), ("negative", [-1, 3])):
        files = {NAMES[place]: encode_int32_labels(np.resize(labels, size)) for place, size in ((1, 20), (3, 10))}
        write_mirror(tmp_path / name, make_files() | files)
    assert load(tmp_path / "large").train.classes == ["3", "1000000000"]
    with pytest.raises(UserError, match="a label is -1, but labels must be 0 or more; remove the images"):
        load(tmp_path / "negative")


def test_compressed_files_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_mirror(tmp_path / "idx", make_files(), compressed=True)
    monkeypatch.setattr("src.download.idx_folder.MAX_BYTES", 1000)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz: decompresses to more than 1,000 bytes"):
        load(folder)


def test_classes_can_be_named(tmp_path: Path) -> None:
    folder = Path(write_mirror(tmp_path / "idx", with_labels(2, 0, 1)))
    (folder / "classes.txt").write_bytes("\ufeffAnkle boot\r\nBücher\r\ndog \r\nunused\r\n".encode())
    data = load(folder)
    assert data.train.classes == ["Ankle boot", "Bücher", "dog"]
    assert data.train.labels.tolist()[:4] == [2, 0, 1, 2]


def test_labels_that_do_not_occur_are_left_out(tmp_path: Path) -> None:
    folder = Path(write_mirror(tmp_path / "idx", with_labels(1, 4)))
    data = load(folder)
    assert data.train.classes == ["1", "4"]
    assert data.test.labels.tolist() == [0, 1] * 5
    for lines in ("none\na\nb\nc\nd\n", "a\nb\nc\nd\n"):
        (folder / "classes.txt").write_text(lines)
        assert load(folder).train.classes == ["a", "d"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (with_labels(3), r"at least two classes are needed, but the labels are \[3\]"),
        (with_labels(0, 1) | {NAMES[3]: with_labels(0, 2)[NAMES[3]]}, r"\[0, 1\] in training and \[0, 2\] in test"),
        ({NAMES[2]: encode_idx(np.zeros((10, 8, 9), np.uint8))}, "training images have 28x28 pixels, but the .* 8x9"),
        ({NAMES[0]: b"<html>"}, f"idx: {NAMES[0]}: magic number is 0x3c68746d"),
        ({NAMES[1]: make_files()[NAMES[3]]}, "20 images, but 10 labels"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(write_mirror(tmp_path / "idx", make_files() | files))


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    folder = Path(write_mirror(tmp_path / "idx", make_files()))
    path = folder / f"{NAMES[2]}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=f"{NAMES[2]}.gz: Compressed file ended"):
        load(folder)
    path.unlink()
    with pytest.raises(UserError, match=f"neither {NAMES[2]} nor {NAMES[2]}.gz is in download.folder = .*classes.txt"):
        load(folder)
    with pytest.raises(UserError, match=f"neither {NAMES[0]} nor"):
        load(tmp_path / "missing")
    (folder / NAMES[2]).mkdir()
    with pytest.raises(IsADirectoryError, match=f"Is a directory: .*{NAMES[2]}"):
        load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a\nb\nc", "names 3 classes, but the labels go up to 9"),
        (b"", "names 0 classes"),
        (b"\na\nb\nc\nd\ne\nf\ng\nh\ni\nj", "line 1 is empty; every class needs a name"),
        (b"\n".join(b"abcdefghia"[i : i + 1] for i in range(10)), "has the line 'a' more than once"),
        (b"a\nb\nc\nd\ne\nf\ng\nh\ni\n\x1b[31m", "has characters that cannot be printed"),
        (b"caf\xe9\n" * 10, "classes.txt is not valid UTF-8"),
    ],
)
def test_wrong_class_names_are_rejected(tmp_path: Path, text: bytes, message: str) -> None:
    folder = Path(write_mirror(tmp_path / "idx", make_files()))
    (folder / "classes.txt").write_bytes(text)
    with pytest.raises(UserError, match=message):
        load(folder)


@pytest.mark.skipif(not FASHION_MNIST.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_real_files_of_fashion_mnist_are_loaded(tmp_path: Path) -> None:
    for part in ("train", "t10k"):  # the test images twice, because loading all takes seconds
        for kind in ("images-idx3", "labels-idx1"):
            (tmp_path / f"{part}-{kind}-ubyte.gz").symlink_to(FASHION_MNIST / f"t10k-{kind}-ubyte.gz")
    data = load(tmp_path)
    assert data.train.images.shape == data.test.images.shape == (10_000, 1, 28, 28)
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    # near the mean and deviation of the training images that are published for normalisation
    assert data.test.images.mean() / 255 == pytest.approx(0.286, abs=2e-3)
    assert data.test.images.std() / 255 == pytest.approx(0.353, abs=2e-3)


def test_an_image_without_a_character_is_named(tmp_path: Path) -> None:
    images = np.zeros((20, 28, 28), np.uint8)
    images[:17, 4:24, 12:16] = 255
    folder = write_mirror(tmp_path / "idx", make_files() | {NAMES[0]: encode_idx(images)})
    with pytest.raises(UserError, match=rf"idx/{NAMES[0]}.gz: image 17: "):
        load(folder, fit="character")


def test_drawings_are_framed_whole(tmp_path: Path) -> None:
    bars = np.full((20, 28, 28), 255, np.uint8)
    bars[:, 8:22, [9, 18]] = 0
    images = {NAMES[0]: encode_idx(bars), NAMES[2]: encode_idx(bars[:10])}
    folder = write_mirror(tmp_path / "idx", make_files() | images)
    with pytest.raises(UserError, match=r"image 0: there are several characters"):
        load(folder, fit="character")
    data = load(folder, fit="drawing")
    framed = make_input(Picture(bars[0][:, :, None]), data.train.preprocessing, (1, 28, 28))  # as for a prediction
    assert all(np.array_equal(image, framed) for image in (*data.train.images, *data.test.images))
    assert np.ptp(np.flatnonzero(framed[0].max(1) > 128)) == 19
    assert label(framed[0] > 128)[1] == 2
