"""Read and write the artifacts. Files are written atomically, and equal values give equal bytes."""

import csv
import fcntl
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import translate
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, get_type_hints

import numpy as np
from pydantic import BaseModel, ValidationError

from src.common.errors import UserError, damaged

# What operating systems and editors leave behind, including all that .dvcignore lists, for which DVC reruns no stage.
IGNORED = (
    ".*",
    "*~",
    "#*#",
    "*.partial",
    "*.pyc",
    "__pycache__",
    "__MACOSX",
    "[Tt]humbs.db",
    "ehthumbs*.db",
    "[Dd]esktop.ini",
    "[Pp]icasa.ini",
    "*.lnk",
    "@eaDir",
)
is_ignored = re.compile("|".join(map(translate, IGNORED))).match

Row = TypeVar("Row")
M = TypeVar("M", bound=BaseModel)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file with open_atomically."""
    with open_atomically(path) as file:
        file.write(data)


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces path when closed, creating its folder; on failure keep the previous file.

    Raise OSError naming the file if it cannot be written. Follow a symbolic link, but replace a link to a read-only
    file, such as one in DVC's cache. Write directly to anything that is not a regular file, such as a device or a pipe.
    """
    if path.exists() and not path.is_file():
        with _naming(path), path.open("wb") as file:
            yield file
        return
    is_read_only = path.exists() and not path.stat().st_mode & 0o222
    target = path.absolute() if is_read_only else path.resolve()
    partial = target.with_name(f".{target.name}.partial")
    with _naming(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _open_alone(partial) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                partial.replace(target)
            except BaseException:  # whatever interrupts the writing
                with suppress(OSError):
                    partial.unlink()
                raise


def _open_alone(path: Path) -> BinaryIO:
    """Open and empty a file as soon as no other process is writing to it."""
    while True:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), "wb")
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate()
                return file
        file.close()  # the other process has renamed it


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in an OSError."""
    try:
        yield
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from None


def read_bytes(path: Path) -> bytes:
    """Read a file; raise UserError if it is missing, naming the stage to run."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _missing(path) from None


def _missing(path: Path) -> UserError:
    return UserError(f"{path} is missing; run `dvc repro {path.parent.name}` to create it, or `dvc pull` to fetch it")


def md5(data: bytes) -> str:
    """Return the MD5 of a file's contents, as DVC records it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an uncompressed .npz file, without copying the arrays; its bytes depend only on them.

    np.savez does not state the sizes in advance, and zip headers then differ between Python versions.
    """
    with open_atomically(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            member.create_system = 3  # Unix, on every system
            member.file_size = array.nbytes
            with archive.open(member, "w") as contents:
                np.lib.format.write_array(contents, array, allow_pickle=False)


def load_arrays(path: Path, **layouts: tuple[type[np.generic], int]) -> dict[str, np.ndarray]:
    """Load the named arrays from an .npz file, without pickle.

    layouts: the type and the number of dimensions of each array, by name. Raise UserError if the file is missing or
    damaged, or lacks an array of the given layout.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _load_array(archive, f"{name}.npy") for name in layouts}
    except FileNotFoundError:
        raise _missing(path) from None
    except PermissionError:
        raise
    except Exception as error:  # zipfile and NumPy's parser of headers raise almost anything for a damaged file
        raise damaged(path, error) from None
    for name, (expected, dimensions) in layouts.items():
        array = arrays[name]
        if array.dtype.type is not expected or array.ndim != dimensions:
            found = f"{name} has type {array.dtype} and {array.ndim} dimensions"
            raise damaged(path, f"{found}, expected {expected.__name__} and {dimensions}")
    return arrays


def _load_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
        if member.read():  # zipfile compares the checksum only at the end
            raise ValueError(f"{name} is longer than its header says")
    return array


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write indented JSON; raise ValueError for NaN or infinity."""
    write_bytes(path, (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path, model: type[M]) -> M:
    """Read a JSON file; raise UserError if it is missing or does not match the model."""
    data = read_bytes(path)
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))) from None


def write_csv(path: Path, row_type: type[Row], rows: Iterable[Row], float_format: str = "") -> None:
    """Write instances of a dataclass as CSV, with the names of its fields as the header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(get_type_hints(row_type))
    for row in rows:
        values = vars(row).values()
        writer.writerow(format(value, float_format) if isinstance(value, float) else value for value in values)
    write_bytes(path, text.getvalue().encode())


def read_csv(path: Path, row_type: type[Row]) -> list[Row]:
    """Read the rows of a CSV file as instances of a dataclass, whose fields are the required columns.

    Raise UserError if the file is missing, not UTF-8 or incomplete, or if a value cannot be converted to its field's
    type.
    """
    return parse_csv(read_bytes(path), row_type, path)


def parse_csv(data: bytes, row_type: type[Row], path: Path) -> list[Row]:
    """Parse the contents of a CSV file as read_csv does; path is the file that a UserError names."""
    converters = get_type_hints(row_type)
    try:
        # Spreadsheet programs write a byte-order mark, which utf-8-sig skips.
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        if missing := converters.keys() - set(reader.fieldnames or ()):
            raise damaged(path, f"no column {', '.join(sorted(missing))}")
        rows = []
        for values in reader:
            if None in values or None in values.values():
                raise damaged(path, f"line {reader.line_num} does not have {len(reader.fieldnames or ())} values")
            rows.append(row_type(*(convert(values[name]) for name, convert in converters.items())))
        return rows
    except (csv.Error, ValueError) as error:
        raise damaged(path, error) from None


def shared_folder(name: str) -> Path:
    """Return the folder of this name in the project's root, even from within one of DVC's copies of it.

    `dvc exp run --temp` and `--queue` run in copies of the project, in its .dvc/tmp/exps; DVC deletes these copies.
    """
    for folder in Path.cwd().parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2] / name
    return Path(name)
