"""Your own pictures: decode a folder of them into training and test images."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from threading import Thread
from typing import NamedTuple

import numpy as np
import psutil
from tqdm import tqdm

from src.common.artifacts import PictureName
from src.common.dataset import FRAMED, Dataset, Preprocessing
from src.common.errors import UserError
from src.common.text import abridge, count, listing, show
from src.download.class_folders import ClassFolders, PictureFile, list_class_folders
from src.download.decisions import NO_DECISIONS, Decisions, Downloaded
from src.download.image_shape import choose_shape
from src.download.params import DownloadParams
from src.pictures.fitting import make_input
from src.pictures.reading import DIGEST_SIZE, read_picture

MEMORY_FACTOR = 2  # peak memory relative to the images'; benchmarks/folder.py measured 1.92 for 28x28 pixels
PRIORITY = {"test": 0, "validation": 1}  # which part keeps a picture that has copies; the lowest wins
SMALL_CLASS = 25  # pictures; with fewer, chance could leave too few for training or for testing
CHUNK = 64  # pictures that a worker process decodes at a time, at most


def load_folder(params: DownloadParams, decisions: Decisions = NO_DECISIONS) -> Downloaded:
    """Decode all pictures in download.folder; the folder itself is never changed.

    A picture that occurs more than once is used once: for testing if a copy is in the test folder, or else for
    validation if one is in the validation folder. Decisions change labels and leave pictures out, but move none to
    another part. Raise UserError if the folder is not laid out as list_class_folders expects, the images do not fit in
    memory, a file is not a picture (unless params.skip_unreadable is set), one picture has two labels, a class is left
    without training or test pictures, or none of the pictures for validation can be used.
    """
    folder = Path(params.folder)
    found = list_class_folders(folder)
    preprocessing = params.preprocessing()
    images, digests = _decode(found, params, preprocessing)
    copies = _find_copies(found.files, digests)
    pictures = np.array([*copies], np.int64)
    test_rows = _choose_test(found, [*copies], digests, params.test_fraction)
    in_test = np.isin(pictures, [*test_rows])
    labels = np.array([file.label for file in found.files], np.int64)
    corrections = decisions.apply(
        found.classes,
        labels[pictures],
        [digests[row] for row in copies],
        in_test.tolist(),
        [[found.files[copy].path for copy in group] for group in copies.values()],
    )
    labels[pictures], kept = corrections.labels, corrections.kept
    undecided = [copies[row] for row in pictures[~corrections.decided].tolist()]
    test, train = pictures[kept & in_test], pictures[kept & ~in_test]
    unusable, conflicts = _find_unusable(found, params), _find_conflicts(found, undecided, test_rows, decisions.path)
    if conflicts:  # first, because settling them may supply classes that seem to be missing
        raise UserError("\n".join(unusable + conflicts))
    _report_copies(found.files, [copies[row] for row in pictures[kept].tolist()])
    missing = _find_missing_classes(found, params.folder, {"training": labels[train], "test": labels[test]})
    if problems := unusable + missing:
        raise UserError("\n".join(problems))
    validation = np.flatnonzero([found.files[row].part == "validation" for row in train])
    if "validation" in found.parts:
        _check_validation(found.classes, params.folder, labels[train[validation]])
    test_images = images[test]
    for place, row in enumerate(train):  # in place, to save memory; safe because train is sorted, so place <= row
        images[place] = images[row]
    files = [
        PictureName(part, index, show(found.files[copy].path))
        for part, side in (("train", train), ("test", test))
        for index, row in enumerate(side.tolist())
        for copy in copies[row]
    ]
    files += [PictureName("unusable", index, show(path)) for index, path in enumerate(sorted(found.rejected))]
    train_digests, test_digests = (
        np.frombuffer(b"".join(digests[row] for row in side), np.uint8).reshape(-1, DIGEST_SIZE)
        for side in (train, test)
    )
    return Downloaded(
        Dataset(images[: len(train)], labels[train], found.classes, preprocessing, train_digests, validation),
        Dataset(test_images, labels[test], found.classes, preprocessing, test_digests),
        files,
        corrections.applied,
    )


def _check_memory(pictures: int, shape: tuple[int, int, int]) -> None:
    needed = MEMORY_FACTOR * pictures * np.prod(shape, dtype=float)
    available = psutil.virtual_memory().available
    if needed > available:
        size = "x".join(map(str, shape))
        raise UserError(
            f"{pictures:,} images of shape {size} need {needed / 2**30:,.1f} GiB of memory, but only"
            f" {available / 2**30:,.1f} GiB are available; reduce download.image_size, or use fewer pictures"
        )


def _decode(
    found: ClassFolders, params: DownloadParams, preprocessing: Preprocessing
) -> tuple[np.ndarray, list[bytes]]:
    """Return the images uint8 (N, C, H, W) of all files and the digests of their pictures.

    An unreadable file is added to found.rejected and has an empty digest. Use processes, because threads would contend
    for the GIL: with small pictures, most of the time is spent in Python.
    """
    paths = [file.path for file in found.files]
    size = min(CHUNK, 1 + len(paths) // 100)  # about a hundredth, so that all processes have work until the end
    chunks = [paths[start : start + size] for start in range(0, len(paths), size)]
    digests: list[bytes] = []
    remarks: dict[str, str] = {}
    brightest = 0
    with (
        ProcessPoolExecutor(initializer=_start_worker) as pool,
        tqdm(total=len(paths), desc="download", unit="picture", leave=False, disable=None) as progress,
    ):
        try:
            shape = choose_shape(params, paths, pool)
            _check_memory(len(paths), shape)
            images = np.empty((len(paths), *shape), np.uint8)
            for decoded in pool.map(partial(_decode_chunk, preprocessing=preprocessing, shape=shape), chunks):
                images[len(digests) : len(digests) + len(decoded.images)] = decoded.images
                digests += decoded.digests
                found.rejected.update(decoded.rejected)
                remarks |= decoded.remarks
                brightest = max(brightest, decoded.brightest)
                progress.update(len(decoded.images))
        except BrokenProcessPool:
            raise UserError(
                f"a process that was decoding pictures was killed, after {len(digests):,} of {len(paths):,} files; it"
                " probably ran out of memory"
            ) from None
    if remarks:
        lines = [f"{show(path)}: {remark}" for path, remark in remarks.items()]
        print(listing(f"download: {count('picture', len(lines))} used only in part:", abridge(lines)))
    if 0 < brightest.bit_length() < preprocessing.bits:
        print(
            f"download: the brightest sample of the pictures with more than 8 bits is {brightest:,} of"
            f" {2**preprocessing.bits - 1:,}; if their samples have fewer bits, as those of many cameras do, set"
            " download.bits"
        )
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
    """Images uint8 (N, C, H, W), the digests of their pictures, and the unreadable files' paths, with reasons.

    remarks: for each path, what of the file is clipped or not used. brightest: the largest integer sample of more than
    8 bits, 0 if there is none.
    """

    images: np.ndarray
    digests: list[bytes]
    rejected: dict[str, str]
    remarks: dict[str, str]
    brightest: int


def _decode_chunk(paths: Sequence[str], preprocessing: Preprocessing, shape: tuple[int, int, int]) -> _Decoded:
    """Decode files; those that are unreadable have a black image and an empty digest."""
    images, digests, rejected = np.zeros((len(paths), *shape), np.uint8), [b""] * len(paths), {}
    remarks, brightest = {}, 0
    for row, path in enumerate(paths):
        try:
            picture = read_picture(path)
            images[row] = make_input(picture, preprocessing, shape)
        except UserError as error:
            rejected[path] = str(error)
        else:
            digests[row] = picture.digest()
            if picture.remark:
                remarks[path] = picture.remark
            if picture.samples.dtype == np.uint16:
                brightest = max(brightest, int(picture.samples.max()))
    return _Decoded(images, digests, rejected, remarks, brightest)


def _find_unusable(found: ClassFolders, params: DownloadParams) -> list[str]:
    """Return a message about the files that cannot be used, or print it if they may be left out."""
    if not found.rejected:
        return []
    lines = [f"{show(path)}: {reason}" for path, reason in sorted(found.rejected.items())]
    title = f"{count('file', len(lines))} cannot be used"
    if params.skip_unreadable:
        print(listing(f"download: {title} and {'is' if len(lines) == 1 else 'are'} left out:", lines))
        return []
    other = ", choose another download.fit" if params.fit in FRAMED else ""
    advice = f"Remove or replace them{other}, or set download.skip_unreadable to true to leave them out."
    return [listing(f"{title}:", abridge(lines)) + f"\n{advice}"]


def _find_conflicts(
    found: ClassFolders, undecided: Iterable[Sequence[int]], test_rows: Collection[int], labels_file: Path
) -> list[str]:
    """Return a message about the pictures that are in two classes, if there are any.

    undecided: for each picture that labels.csv does not settle, the rows of its copies; test_rows: the rows of test
    pictures; labels_file: the path of labels.csv.
    """
    groups = (group for group in undecided if len({found.files[row].label for row in group}) > 1)
    conflicts = [f"{_name_copies(found.files, group)}{' (test)' if group[0] in test_rows else ''}" for group in groups]
    if not conflicts:
        return []
    return [
        listing("the same picture belongs to different classes:", conflicts)
        + f"\nKeep each picture only in the folder of its class, or name its class in {labels_file}, with the part test"
        " where its line above ends in (test)."
    ]


def _find_missing_classes(found: ClassFolders, folder: str, labels: Mapping[str, np.ndarray]) -> list[str]:
    """Return a message for each part that lacks a class; labels: the labels in each part, by the part's name."""
    problems = []
    usable = np.bincount(np.concatenate([*labels.values()]), minlength=len(found.classes))
    for part, present in labels.items():
        if len(missing := np.setdiff1d(np.arange(len(found.classes)), present)):
            names = ", ".join(f"{show(found.classes[label])} ({usable[label]:,} usable in all)" for label in missing)
            problems.append(
                f"{folder} has no {part} pictures for: {names}; every class needs at least one for testing and two"
                " different ones for training"
            )
    return problems


def _check_validation(classes: Sequence[str], folder: str, labels: np.ndarray) -> None:
    """Raise UserError if no picture of the validation folder is used; print the classes that have none.

    labels: those of the validation pictures that are used.
    """
    if not len(labels):
        raise UserError(
            f"none of the pictures in the validation folder of {folder} is used (copies of test pictures,"
            " unusable, or left out by labels.csv); add others, or remove that folder"
        )
    lacking = np.setdiff1d(np.arange(len(classes)), labels)
    if len(lacking):
        names = ", ".join(show(classes[label]) for label in lacking)
        print(f"download: warning: no validation pictures for {names}; the best epoch is chosen without them")


def _find_copies(files: Sequence[PictureFile], digests: Sequence[bytes]) -> dict[int, list[int]]:
    """Map the row that is used for each picture to the rows of all its copies; prefer test/, then val/.

    Leave out unreadable files, whose digest is empty.
    """
    readable = (row for row, digest in enumerate(digests) if digest)
    copies = defaultdict(list)
    for row in sorted(readable, key=lambda row: PRIORITY.get(files[row].part, 2)):
        copies[digests[row]].append(row)
    return {group[0]: group for group in sorted(copies.values())}


def _report_copies(files: Sequence[PictureFile], groups: Collection[Sequence[int]]) -> None:
    lines = [_name_copies(files, group) for group in groups if len(group) > 1]
    if lines:
        left_out = sum(len(group) - 1 for group in groups)
        copies = "copy" if left_out == 1 else "copies"
        print(listing(f"download: {left_out:,} {copies} left out; only the first file on each line is used:", lines))


def _name_copies(files: Sequence[PictureFile], group: Sequence[int]) -> str:
    return " = ".join(show(files[row].path) for row in group)


def _choose_test(found: ClassFolders, rows: Sequence[int], digests: Sequence[bytes], fraction: float) -> set[int]:
    """Choose the test rows: those in test/ if it exists, otherwise those whose picture's digest is below a threshold.

    Normally, only its digest decides whether a picture is in the test set, so that it stays where it is when others are
    added or removed, and a higher fraction moves no picture out of the test set. In a class of fewer than SMALL_CLASS
    pictures, or if the threshold would put all pictures of a class in one part, the ranks of the digests decide
    instead: at least one picture is for testing, and two are for training, if there are at least three.
    """
    if any(file.part == "test" for file in found.files):
        return {row for row in rows if found.files[row].part == "test"}
    positions = {row: int.from_bytes(digests[row][:8], "big") / 2**64 for row in rows}
    classes = defaultdict(list)
    for row in rows:
        if found.files[row].part != "validation":
            classes[found.files[row].label].append(row)
    test: set[int] = set()
    for members in classes.values():
        chosen = {row for row in members if positions[row] < fraction}
        if len(members) < SMALL_CLASS or len(chosen) in (0, len(members)):
            number = min(max(round(fraction * len(members)), 1), max(len(members) - 2, 0))
            chosen = set(sorted(members, key=positions.__getitem__)[:number])
        test |= chosen
    return test
