"""Read and write the artifacts. Files are written atomically, and equal values give equal bytes."""

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


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
        except OSError:
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
    """Read a file; raise ValueError if it is missing, naming the stage to run."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; run `dvc repro {path.parent.name}` to create it") from None


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
    """Load arrays of an .npz file, without pickle; raise ValueError if it is missing, damaged or lacks one of them."""
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        advice = f"run `dvc repro --force {path.parent.name}` to recreate it"
        raise ValueError(f"{path} is damaged or not the expected file ({error}); {advice}") from None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write indented JSON; raise ValueError for NaN or infinity."""
    write_bytes(path, (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raise ValueError if the file is missing or is not JSON."""
    values: dict[str, Any] = json.loads(read_bytes(path))
    return values


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file as one dict per row; raise ValueError if it is missing."""
    return list(csv.DictReader(io.StringIO(read_bytes(path).decode(), newline="")))
