"""Your own dataset in MNIST's file format: four IDX files in a folder, and the class names if you like."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from src.common.dataset import FRAMED, Dataset
from src.common.errors import UserError
from src.common.text import count
from src.download.decisions import check_class_name
from src.download.idx import FILES, decode_files, decompress
from src.download.params import DownloadParams
from src.pictures.reading import digest_images

CLASSES = "classes.txt"
# What other tools call the files, such as train-images.idx3-ubyte and emnist-letters-test-labels-idx1-ubyte.gz.
PATTERNS = {
    "train_images": "train-images[-.]idx",
    "train_labels": "train-labels[-.]idx",
    "test_images": "(t10k|test)-images[-.]idx",
    "test_labels": "(t10k|test)-labels[-.]idx",
}
GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 4 * 2**30  # of a decompressed file


def load_idx_folder(params: DownloadParams) -> tuple[Dataset, Dataset]:
    """Load the four IDX files, plain or compressed as .gz, in download.folder.

    The lines of classes.txt name the labels from 0 on or, if no label is 0 and there are just enough lines, from 1 on;
    without the file, the names are the numbers. Labels that do not occur are left out. Raise UserError if a file is
    missing or invalid, a label is negative, there are fewer than two classes, or training and test have different ones.
    """
    folder = Path(params.folder)
    paths = {name: _find_file(folder, name) for name in FILES}
    files = {FILES[name]: _read_file(path) for name, path in paths.items()}
    try:
        train_images, train_labels, test_images, test_labels = decode_files(files, sha256={})
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None
    present = np.unique(train_labels)
    if not np.array_equal(present, np.unique(test_labels)):
        found = f"{present.tolist()} in training and {np.unique(test_labels).tolist()} in test"
        raise UserError(f"{folder}: training and test must have the same labels, but they have {found}")
    if len(present) < 2:
        raise UserError(f"{folder}: at least two classes are needed, but the labels are {present.tolist()}")
    if present[0] < 0:
        raise UserError(
            f"{folder}: a label is {present[0]}, but labels must be 0 or more; remove the images with negative labels"
        )
    classes = _read_names(folder / CLASSES, present.tolist())
    print(f"download: four IDX files in {folder}")
    train_path, _, test_path, _ = paths.values()
    train, test = (
        Dataset(
            _frame(images, path, params.fit == "drawing") if params.fit in FRAMED else images,
            np.searchsorted(present, labels),
            classes,
            params.preprocessing(),
            digest_images(images),
        )
        for images, labels, path in (
            (_turn_upright(train_images, train_path), train_labels, train_path),
            (_turn_upright(test_images, test_path), test_labels, test_path),
        )
    )
    seen = {digest.tobytes() for digest in train.digests}
    if repeated := sum(digest.tobytes() in seen for digest in test.digests):
        print(f"download: {count('test image', repeated)} also in training; the test accuracy may be too high")
    return train, test


def _turn_upright(images: np.ndarray, path: Path) -> np.ndarray:
    """Transpose the images (N, C, H, W) of EMNIST's own files, which hold them on their side and mirrored."""
    if not path.name.casefold().startswith("emnist-"):
        return images
    print(f"download: {path} is one of EMNIST's files, which hold transposed images; they are turned upright")
    return np.ascontiguousarray(images.swapaxes(2, 3))


def _frame(images: np.ndarray, path: Path, drawing: bool) -> np.ndarray:
    """Frame the character or drawing in every image (N, C, H, W) of a file, as is done for a picture to classify."""
    from src.pictures.framing import frame_character  # takes half a second to import

    framed = np.empty_like(images)
    for index, image in enumerate(images):
        try:
            framed[index] = frame_character(Image.fromarray(image[0]), image.shape, drawing)
        except UserError as error:
            advice = "with download.fit: crop, the images are used as they are"
            raise UserError(f"{path}: image {index}: {error}; {advice}") from None
    return framed


def _find_file(folder: Path, name: str) -> Path:
    """Return the path of one of the four files, under any of its usual names."""
    found = [path for path in sorted(folder.glob("*")) if re.search(PATTERNS[name], path.name)]
    exact = [path for path in found if path.name in (FILES[name], f"{FILES[name]}.gz")]
    paths = exact or found
    if not paths:
        needed = ", ".join(FILES.values())
        raise UserError(
            f"neither {FILES[name]} nor {FILES[name]}.gz is in download.folder = {folder}; the folder needs"
            f" {needed}, each plain or as .gz; {CLASSES}, with one class name per line, is optional"
        )
    if len(paths) > 1:
        raise UserError(f"{folder} has {' and '.join(path.name for path in paths)}; keep only one of them")
    return paths[0]


def _read_file(path: Path) -> bytes:
    """Read a file, and decompress it if it is a gzip file."""
    data = path.read_bytes()
    return decompress(data, str(path), MAX_BYTES) if data[:2] == GZIP_MAGIC else data


def _read_names(path: Path, labels: Sequence[int]) -> list[str]:
    """Read the names of the sorted labels, or return the labels as names if there is no file."""
    if not path.exists():
        return list(map(str, labels))
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not valid UTF-8: {error}") from None
    first = int(labels[0] > 0 and len(names) == labels[-1])
    if first + len(names) <= labels[-1]:
        raise UserError(
            f"{path} names {len(names)} classes, but the labels go up to {labels[-1]}: add the others; the first line"
            " names label 0"
        )
    if "" in names:
        raise UserError(
            f"{path}: line {names.index('') + 1} is empty; every class needs a name, even one without images"
        )
    for name in names:
        check_class_name(name, path)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path} has the line {twice!r} more than once; give each class a name of its own")
    return [names[label - first] for label in labels]
