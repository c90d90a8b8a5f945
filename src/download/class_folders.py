"""Find the pictures in a folder that holds one folder per class."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from src.common.errors import UserError
from src.common.files import is_ignored
from src.common.text import show
from src.download.decisions import check_class_name

# The names that tools give the parts' folders, compared without regard to case.
PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
NESTED_FOLDER = "a folder inside a class folder"


class PictureFile(NamedTuple):
    """A file that should be a picture, the index of its class, and its part: train, validation or test.

    The part is empty for pictures from which the test pictures are still to be chosen.
    """

    path: str
    label: int
    part: str


class ClassFolders(NamedTuple):
    """The sorted class names, files sorted by class, part and name, rejected paths with reasons, and the parts."""

    classes: list[str]
    files: list[PictureFile]
    rejected: dict[str, str]
    parts: list[str]


def list_class_folders(folder: Path) -> ClassFolders:
    """List `train/<class>/*` and, if they exist, `test/<class>/*` and `val/<class>/*`, or else `<class>/*`.

    Hidden files, files that programs leave behind, and README.md at the top are left out. Raise UserError if the folder
    is missing or not laid out like this, has fewer than two classes or a class without pictures, or has different
    classes in training and test.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"download.folder = {folder} {problem}; {_advice(folder)}")
    rejected: dict[str, str] = {}
    parts = _find_parts(folder)
    for above in {folder, *parts.values()}:
        for entry in _list_entries(above):
            if not entry.is_dir() and not (entry.name == "README.md" and above == folder):
                rejected[entry.path] = "not in a class folder"
    _report_ignored({folder, *parts.values()})
    found: dict[str, dict[str, dict[str, str | None]]] = {}  # part, class, path, reason to reject it
    for part, part_folder in parts.items():
        names = found[part] = {}
        for entry in _list_entries(part_folder):
            if entry.is_dir(follow_symlinks=False):
                names[entry.name] = {one.path: _reject(one, folder) for one in _list_entries(Path(entry.path))}
            elif entry.is_dir():
                rejected[entry.path] = "a link to a folder; only links to files are followed"
    # By name where the natural order ties, as for 7 and 007.
    classes = sorted(set().union(*found.values()), key=lambda name: (_natural_order(name), name))
    _check_classes(folder, classes, found)
    files = []
    for label, name in enumerate(classes):
        for part, names in found.items():
            for path, reason in names.get(name, {}).items():
                if reason:
                    rejected[path] = reason
                else:
                    files.append(PictureFile(path, label, part))
    return ClassFolders(classes, files, rejected, list(found))


def _report_ignored(folders: Iterable[Path]) -> None:
    """Name the folders that could be meant as classes, but look hidden or left behind by programs."""
    entries = (entry for folder in sorted(folders) for entry in _list_entries(folder, ignored=True))
    if names := [entry.path for entry in entries if entry.is_dir()]:
        print(f"download: ignored as hidden or left behind by programs: {_join(names)}; rename those that are classes")


def _find_parts(folder: Path) -> dict[str, Path]:
    """Map each part to its folder; without a test folder, the key of the training folder is empty. The test pictures
    are then still to be chosen from the training folder.
    """
    parts: dict[str, Path] = {}
    for entry in _list_entries(folder):
        part = PARTS.get(entry.name.casefold())
        if not part or not entry.is_dir() or not _holds_folders(Path(entry.path)):
            continue
        if part in parts:
            raise UserError(f"{folder} has both {parts[part].name}/ and {entry.name}/; merge them")
        if entry.is_symlink():
            raise UserError(f"{entry.path} is a link; only links to files are followed")
        parts[part] = Path(entry.path)
    if not parts:
        return {"": folder}
    if "train" not in parts:
        raise UserError(f"{folder} has {next(iter(parts.values())).name}/ but no train/; {_advice(folder)}")
    names = {path.name for path in parts.values()}
    others = [entry.name for entry in _list_entries(folder) if entry.is_dir() and entry.name not in names]
    if others:
        raise UserError(f"{folder} has {_join(others)} beside {parts['train'].name}/; {_advice(folder)}")
    first = "train" if "test" in parts else ""
    return {first: parts.pop("train"), **parts}


def _holds_folders(folder: Path) -> bool:
    """Return whether a folder contains folders, as a part's does, and not only files, as a class's does."""
    return any(entry.is_dir() for entry in _list_entries(folder))


def _natural_order(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that orders numbers in names by value: 2 before 10."""
    return [(not digits, int(digits or 0), text) for digits, text in re.findall(r"(\d*)(\D*)", name)]


def _list_entries(folder: Path, *, ignored: bool = False) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        chosen = (entry for entry in entries if bool(is_ignored(entry.name)) == ignored)
        return sorted(chosen, key=lambda entry: entry.name)


def _reject(entry: os.DirEntry[str], folder: Path) -> str | None:
    """Return the reason to reject an entry of a class folder; None for a regular file or a link to one in folder."""
    if entry.is_symlink():
        try:
            target = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):  # Python before 3.13 raises RuntimeError for a circular link
            return "a broken or circular link"
        if not target.is_relative_to(folder.resolve()):
            return f"a link to something outside {folder}"
    if entry.is_dir():
        return NESTED_FOLDER
    return None if entry.is_file() else "not a regular file"


def _check_classes(folder: Path, classes: Sequence[str], found: dict[str, dict[str, dict[str, str | None]]]) -> None:
    alike = defaultdict(list)
    for name in classes:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UserError(f"{folder}: the class name {name!r} is not valid UTF-8; rename its folder") from None
        check_class_name(name, folder)
        alike[unicodedata.normalize("NFD", name.casefold())].append(name)
    for names in alike.values():
        if len(names) > 1:
            codes = " and ".join(ascii(name) for name in names)
            raise UserError(
                f"{folder}: the class names {codes} differ only in case or in Unicode normalisation, and are the"
                " same name on some systems; merge or rename their folders"
            )
    trained = found.get("train", found.get("", {})).keys()
    for part, in_part in found.items():
        # Only the pictures for validation may lack classes.
        if in_part.keys() - trained or (part == "test" and trained - in_part.keys()):
            listed = "".join(f"\n  {name or 'train'}: {_join(sorted(one))}" for name, one in found.items())
            raise UserError(
                f"{folder}: training and test must have the same classes, and validation must have no others;"
                f" found:{listed}"
            )
    if len(classes) < 2:
        only = f"only the class {show(classes[0])}" if classes else "no class folder"
        raise UserError(f"{folder} has {only}, and at least two classes are needed; {_advice(folder)}")
    empty = []
    for part, in_part in found.items():
        for name, content in in_part.items():
            if not content:
                empty.append(f"{part}/{name}".lstrip("/"))
            elif set(content.values()) == {NESTED_FOLDER}:
                inner = _join(Path(path).name for path in content)
                raise UserError(
                    f"{folder}: the class {show(name)} holds only folders ({inner}); make each of them a class, or"
                    f" move their pictures up: {_advice(folder)}"
                )
    if empty:
        raise UserError(f"{folder}: no pictures in {_join(empty)}; add some or remove the folder")


def _join(names: Iterable[Path | str]) -> str:
    return ", ".join(map(show, names)) or "none"


def _advice(folder: Path) -> str:
    return (
        f"put the pictures of each class in a folder of its own, as in {folder}/cat/1.jpg and {folder}/dog/1.jpg, or,"
        f" with test pictures of your choice, {folder}/train/cat/1.jpg and {folder}/test/cat/1.jpg"
    )
