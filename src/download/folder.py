"""Your own pictures: decode a folder of them into training and test images."""

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from hashlib import blake2b
from multiprocessing import parent_process
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from threading import Thread
from typing import NamedTuple

import numpy as np
import psutil
from tqdm import tqdm

from src.common.artifacts import PictureName
from src.common.dataset import Dataset, Fit
from src.common.errors import UserError
from src.download.class_folders import ClassFolders, PictureFile, list_class_folders, show_path
from src.download.params import DownloadParams
from src.pictures.pictures import fit_picture, read_picture

MEMORY_FACTOR = 2  # peak memory relative to the images: measured 1.92 for 28x28 pixels by benchmarks/folder.py
CHUNK = 64  # pictures that a worker process decodes at a time, at most


def load_folder(params: DownloadParams) -> tuple[Dataset, Dataset, list[PictureName]]:
    """Decode all pictures in download.folder; the folder itself is never changed.

    A picture that occurs more than once is used once: in the test set if a copy is there, otherwise in training. Raise
    UserError if the folder is not laid out as list_class_folders expects, the images do not fit in memory, a file is
    not a picture (unless params.skip_unreadable), one picture has two labels, or a class is left without training or
    test pictures.
    """
    folder = Path(params.folder)
    found = list_class_folders(folder)
    shape = (params.channels, params.image_size, params.image_size)
    _check_memory(len(found.files), shape)
    images, digests = _decode(found, params.fit, shape)
    _report_rejected(found.rejected, params.skip_unreadable)
    rows = [row for row, digest in enumerate(digests) if digest]  # the rows of images that were decoded
    rows = _drop_copies(found.files, rows, digests)
    in_test = _choose_test(found, rows, digests, params.test_fraction)
    test, train = [row for row in rows if row in in_test], [row for row in rows if row not in in_test]
    labels = np.array([file.label for file in found.files], np.int64)
    for name, side in (("training", train), ("test", test)):
        missing = np.setdiff1d(np.arange(len(found.classes)), labels[side])
        if len(missing):
            names = ", ".join(show_path(found.classes[label]) for label in missing)
            raise UserError(
                f"{folder} has no {name} pictures that can be used for: {names}; every class needs at least one for"
                " testing and two different ones for training"
            )
    test_images = images[test]
    for place, row in enumerate(train):  # in place, to save memory; place <= row
        images[place] = images[row]
    files = [
        PictureName(part, index, show_path(found.files[row].path))
        for part, side in (("train", train), ("test", test))
        for index, row in enumerate(side)
    ]
    return (
        Dataset(images[: len(train)], labels[train], found.classes, params.fit),
        Dataset(test_images, labels[test], found.classes, params.fit),
        files,
    )


def _check_memory(count: int, shape: tuple[int, int, int]) -> None:
    needed = MEMORY_FACTOR * count * np.prod(shape, dtype=float)
    available = psutil.virtual_memory().available
    if needed > available:
        size = "x".join(map(str, shape))
        raise UserError(
            f"{count:,} images of {size} pixels need {needed / 2**30:,.1f} GiB of memory, and {available / 2**30:,.1f}"
            " GiB are available; reduce download.image_size, or use fewer pictures"
        )


def _decode(found: ClassFolders, fit: Fit, shape: tuple[int, int, int]) -> tuple[np.ndarray, list[bytes]]:
    """Return the images uint8 (N, C, H, W) of all files and the digests of their pictures.

    An unreadable file is added to found.rejected and has an empty digest. Processes, because threads would wait for
    each other: for small pictures, most of the time is spent in Python.
    """
    paths = [file.path for file in found.files]
    size = min(CHUNK, 1 + len(paths) // 100)  # at most a hundredth, so that all processes have work until the end
    chunks = [paths[start : start + size] for start in range(0, len(paths), size)]
    images = np.empty((len(paths), *shape), np.uint8)
    digests: list[bytes] = []
    with (
        ProcessPoolExecutor(initializer=_start_worker) as pool,
        tqdm(total=len(paths), desc="download", unit="picture", leave=False, disable=None) as progress,
    ):
        try:
            for decoded in pool.map(partial(_decode_chunk, fit=fit, shape=shape), chunks):
                images[len(digests) : len(digests) + len(decoded.images)] = decoded.images
                digests += decoded.digests
                found.rejected.update(decoded.rejected)
                progress.update(len(decoded.images))
        except BrokenProcessPool:
            raise UserError(
                f"a process that decoded pictures was killed, after {len(digests):,} of {len(paths):,} files; it"
                " probably ran out of memory"
            ) from None
    return images, digests


def _start_worker() -> None:
    signal(SIGINT, SIG_IGN)  # only the parent reports Ctrl-C
    Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Wait until the parent is gone, and exit: a worker whose parent has been killed would wait forever for work."""
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)


class _Decoded(NamedTuple):
    """Images uint8 (N, C, H, W), the digests of their pictures, and the paths of unreadable ones with the reason."""

    images: np.ndarray
    digests: list[bytes]
    rejected: dict[str, str]


def _decode_chunk(paths: Sequence[str], fit: Fit, shape: tuple[int, int, int]) -> _Decoded:
    """Decode files; those that are unreadable have a black image and an empty digest.

    The digest is of the size and the RGB pixels before fitting, so that it does not depend on the parameters.
    """
    decoded = _Decoded(np.zeros((len(paths), *shape), np.uint8), [b""] * len(paths), {})
    for row, path in enumerate(paths):
        try:
            picture = read_picture(path)
            decoded.images[row] = fit_picture(picture, fit, shape)
        except UserError as error:
            decoded.rejected[path] = str(error)
        else:
            pixels = picture.convert("RGB").tobytes()
            decoded.digests[row] = blake2b(repr(picture.size).encode() + pixels, digest_size=16).digest()
    return decoded


def _report_rejected(rejected: dict[str, str], skip: bool) -> None:
    if rejected:
        lines = [f"{show_path(path)}: {reason}" for path, reason in sorted(rejected.items())]
        title = f"{len(lines):,} {'file' if len(lines) == 1 else 'files'} cannot be used"
        if not skip:
            advice = "Remove or replace them, or set download.skip_unreadable to true to leave them out."
            raise UserError("\n  ".join([f"{title}:", *lines]) + f"\n{advice}")
        print("\n  ".join([f"download: {title} and {'is' if len(lines) == 1 else 'are'} left out:", *lines]))


def _drop_copies(files: Sequence[PictureFile], rows: Sequence[int], digests: Sequence[bytes]) -> list[int]:
    """Keep one row for each picture, in test/ if it has a copy there; raise UserError if copies have two labels."""
    copies = defaultdict(list)
    for row in sorted(rows, key=lambda row: files[row].part != "test"):
        copies[digests[row]].append(row)
    groups = [group for group in copies.values() if len(group) > 1]
    named = [" = ".join(show_path(files[row].path) for row in group) for group in groups]
    conflicts = [
        names for names, group in zip(named, groups, strict=True) if len({files[row].label for row in group}) > 1
    ]
    if conflicts:
        raise UserError(
            "\n  ".join(["the same picture belongs to different classes:", *conflicts])
            + "\nKeep each picture only in the folder of its class."
        )
    if groups:
        count = sum(len(group) - 1 for group in groups)
        title = f"download: {count:,} {'copy' if count == 1 else 'copies'} left out; only the first of these is used:"
        print("\n  ".join([title, *named]))
    return sorted(group[0] for group in copies.values())


def _choose_test(found: ClassFolders, rows: Sequence[int], digests: Sequence[bytes], fraction: float) -> set[int]:
    """Choose the test rows: those in test/ if it exists, otherwise those whose picture's digest is below a threshold.

    The digest alone decides, not its rank, so that a picture stays on its side when others are added or removed, and
    moves to the test set at most when the fraction is raised. The only exception is a class with all pictures on one
    side of the threshold, which only small classes have: the picture closest to the threshold is then moved across. It
    moves back when the class gets a picture of its own there, or one that is closer.
    """
    if any(file.part for file in found.files):
        return {row for row in rows if found.files[row].part == "test"}
    distances = {row: int.from_bytes(digests[row][:8], "big") / 2**64 - fraction for row in rows}
    test = {row for row in rows if distances[row] < 0}
    classes = defaultdict(list)
    for row in rows:
        classes[found.files[row].label].append(row)
    for members in classes.values():
        if len(members) > 1 and len(test.intersection(members)) in (0, len(members)):
            test ^= {min(members, key=lambda row: abs(distances[row]))}
    return test
