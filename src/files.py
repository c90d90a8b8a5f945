"""Values in, files out, and back. A file appears whole or not at all, and the same values give the same bytes."""

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file, or leave the earlier one as it is and raise OSError that names it."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OSError(f"cannot write {path}: {error.strerror}") from None


def read_bytes(path: Path) -> bytes:
    """The whole file; ValueError when the stage that makes it has not run."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: `dvc repro {path.parent.name}` makes it") from None


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an .npz, uncompressed: its bytes then depend on no compression library."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def load_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """These arrays of an .npz; ValueError when the file is missing, damaged or lacks one. Loads no pickles."""
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        advice = f"`dvc repro --force {path.parent.name}` makes it anew"
        raise ValueError(f"{path} is damaged or another file ({error}): {advice}") from None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write indented JSON; ValueError on NaN or infinity."""
    write_bytes(path, (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def read_csv(path: Path) -> list[dict[str, str]]:
    """A dict a row; ValueError when the file is missing."""
    return list(csv.DictReader(io.StringIO(read_bytes(path).decode(), newline="")))
