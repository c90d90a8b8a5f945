"""Read and write the artifacts. Files are written atomically, and equal values give equal bytes."""

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydantic import BaseModel, RootModel, ValidationError

from src.common.errors import UserError, damaged

# The arrays of the artifacts: their type and number of dimensions.
LAYOUTS: dict[str, tuple[type[np.generic], int]] = {
    "images": (np.uint8, 4),
    "labels": (np.int64, 1),
    "classes": (np.str_, 1),
    "fit": (np.str_, 0),
    "train": (np.int64, 1),
    "validation": (np.int64, 1),
}
JsonObject = RootModel[dict[str, Any]]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as open_atomically does."""
    with open_atomically(path) as file:
        file.write(data)


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces path when closed, creating its folder; on failure keep the previous file.

    Raise OSError naming the file if it cannot be written. Follow symbolic links, and write directly to anything that is
    not a regular file, such as a device or a pipe.
    """
    if path.exists() and not path.is_file():
        with _naming(path), path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    partial = target.with_name(f".{target.name}.partial")
    with _naming(path):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except BaseException:  # whatever interrupts the writing
            with suppress(OSError):
                partial.unlink()
            raise


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
        raise UserError(f"{path} is missing; run `dvc repro {path.parent.name}` to create it") from None


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an uncompressed .npz file whose bytes depend on the arrays alone, without a copy of them in memory.

    np.savez writes members whose size it does not announce, for which Python versions write different zip headers.
    """
    with open_atomically(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            member.create_system = 3  # Unix, on every system
            member.file_size = array.nbytes
            with archive.open(member, "w") as contents:
                np.lib.format.write_array(contents, array, allow_pickle=False)


def load_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Load arrays of an .npz file, without pickle.

    Raise UserError if it is missing or damaged, lacks one of them, or holds arrays that do not have their LAYOUTS or
    do not fit each other.
    """
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in names}
        _check_arrays(arrays)
        return arrays
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError, UserError) as error:
        raise damaged(path, error) from None


def _check_arrays(arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        expected, dimensions = LAYOUTS[name]
        if array.dtype.type is not expected or array.ndim != dimensions:
            raise UserError(
                f"{name} has type {array.dtype} and {array.ndim} dimensions, expected {expected.__name__} and"
                f" {dimensions}"
            )
    if {"images", "labels"} <= arrays.keys() and len(arrays["images"]) != len(arrays["labels"]):
        raise UserError(f"{len(arrays['images']):,} images, but {len(arrays['labels']):,} labels")
    if {"labels", "classes"} <= arrays.keys():
        labels, count = arrays["labels"], len(arrays["classes"])
        if not len(labels) or labels.min() < 0 or labels.max() >= count:
            raise UserError(f"every label must be from 0 to {count - 1}, and there must be at least one")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write indented JSON; raise ValueError for NaN or infinity."""
    write_bytes(path, (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path, model: type[BaseModel] = JsonObject) -> dict[str, Any]:
    """Read a JSON object; raise UserError if the file is missing or does not fit the model."""
    data = read_bytes(path)
    try:
        model.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, ": ".join([".".join(map(str, first["loc"])), first["msg"]]).lstrip(": ")) from None
    values: dict[str, Any] = json.loads(data)
    return values


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def read_csv(path: Path, **columns: Callable[[str], Any]) -> list[dict[str, str]]:
    """Read a CSV file as one dict per row.

    columns: each required column and the type that its values convert to. Raise UserError if the file is missing, not
    UTF-8 or incomplete, or if a value does not convert.
    """
    data = read_bytes(path)
    try:
        # Spreadsheet programs write a byte-order mark, which utf-8-sig skips.
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = []
        if missing := columns.keys() - set(reader.fieldnames or ()):
            raise UserError(f"no column {', '.join(sorted(missing))}")
        for row in reader:
            if None in row or None in row.values():
                raise UserError(f"line {reader.line_num} does not have {len(reader.fieldnames or ())} values")
            for name, convert in columns.items():
                convert(row[name])
            rows.append(row)
    except (csv.Error, ValueError, UserError) as error:
        raise damaged(path, error) from None
    return rows
