"""Corrections of labels: what labels.csv says about individual pictures, applied to the data."""

import csv
import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.common.artifacts import AppliedDecision, PictureName
from src.common.dataset import Dataset
from src.common.errors import UserError
from src.common.text import abridge, count, listing, show

COLUMNS = ("file", "digest", "part", "label", "note")
LEAVE_OUT = "-"


def check_class_name(name: str, place: Path) -> None:
    """Raise UserError if a class cannot have this name; place: the file or folder in which it occurs."""
    if not name.isprintable():
        raise UserError(f"{place}: the class name {name!r} has characters that cannot be printed; rename the class")
    if name != name.strip():
        raise UserError(f"{place}: the class name {name!r} begins or ends with a space; rename the class")
    if name == LEAVE_OUT:
        raise UserError(f"{place}: a class cannot be named {name}, which leaves out a picture in labels.csv; rename it")


class Downloaded(NamedTuple):
    """The training set, the test set, the images' file names (empty without files), and the applied decisions."""

    train: Dataset
    test: Dataset
    files: list[PictureName]
    applied: list[AppliedDecision]


class Corrections(NamedTuple):
    """Corrected labels int64 (N,), masks bool (N,) of kept and of decided images, and the applied decisions."""

    labels: np.ndarray
    kept: np.ndarray
    decided: np.ndarray
    applied: list[AppliedDecision]


class Decision(NamedTuple):
    """A line of labels.csv: the class of a picture, or `-` to leave it out; part: test, or empty for other pictures."""

    line: int
    picture: str
    part: str
    label: str


class Decisions:
    """The lines of labels.csv, by the file or the digest of their picture; path: where labels.csv is."""

    def __init__(self, decisions: Sequence[Decision], path: Path) -> None:
        self.path = path
        self.by_picture: dict[str, list[Decision]] = {}
        for decision in decisions:
            self.by_picture.setdefault(decision.picture, []).append(decision)

    def apply(
        self,
        classes: Sequence[str],
        labels: np.ndarray,
        digests: Sequence[bytes],
        in_test: Sequence[bool],
        files: Sequence[Sequence[str]],
    ) -> Corrections:
        """Apply the lines that match an image, and print what they change and which lines match none.

        files: the paths of each image and its copies. Raise UserError if a matching line names an unknown class, or if
        two lines about one picture disagree.
        """
        index_of = {_normalise(name): index for index, name in enumerate(classes)}
        corrected, kept, decided = labels.copy(), np.ones(len(labels), bool), np.zeros(len(labels), bool)
        applied, used, unknown = [], set(), set()
        for row, (digest, names) in enumerate(zip(digests, files, strict=True)):
            keys = {digest.hex(), *map(_normalise, (*names, *map(show, names)))}  # files.csv has what show returns
            found = [decision for key in sorted(keys) for decision in self.by_picture.get(key, ())]
            found = [decision for decision in found if (decision.part == "test") == in_test[row]]
            if not found:
                continue
            first, *others = found
            for other in others:
                if other.label != first.label:
                    raise UserError(
                        f"{self.path}, lines {first.line} and {other.line}: the same picture is {show(first.label)} in"
                        f" one and {show(other.label)} in the other"
                    )
            if first.label not in (*index_of, LEAVE_OUT):
                unknown |= {*found}
                continue
            used |= {decision.line for decision in found}
            decided[row] = True
            kept[row] = first.label != LEAVE_OUT
            if kept[row]:
                corrected[row] = index_of[first.label]
            label = classes[corrected[row]] if kept[row] else LEAVE_OUT
            part = "test" if in_test[row] else "train"
            applied.append(AppliedDecision(part, digest.hex(), classes[labels[row]], label))
        if unknown:
            known = f"the classes are {', '.join(map(repr, classes))}; use {LEAVE_OUT} to leave a picture out"
            ordered = sorted(unknown, key=lambda decision: decision.line)
            lines = abridge([f"line {decision.line}: {decision.label!r}" for decision in ordered])
            raise UserError(listing(f"{self.path} has unknown classes ({known}):", lines))
        self._report(applied, used)
        return Corrections(corrected, kept, decided, applied)

    def _report(self, applied: Sequence[AppliedDecision], used: set[int]) -> None:
        left_out = sum(decision.label == LEAVE_OUT for decision in applied)
        confirmed = sum(decision.label == decision.before for decision in applied)
        if applied:
            changed = len(applied) - left_out - confirmed
            print(
                f"download: {self.path}: labels changed: {changed:,}, confirmed: {confirmed:,};"
                f" pictures left out: {left_out:,}"
            )
        unused = [decision for found in self.by_picture.values() for decision in found if decision.line not in used]
        if unused:
            lines = abridge([f"line {decision.line}: {show(decision.picture)}" for decision in unused])
            title = (
                f"download: {self.path}: {count('line', len(unused))} without effect: no picture of this dataset"
                " matches, or the part is wrong (it must be test for a test picture, and empty for any other):"
            )
            print(listing(title, lines))


def read_decisions(path: Path) -> Decisions:
    """Read labels.csv, even as saved by a spreadsheet program; raise UserError if it is missing or invalid."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} is missing; restore it, or create it with the line {','.join(COLUMNS)}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8; save it as CSV UTF-8: {error}") from None
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, restval="")
    decisions = []
    try:
        columns = list(reader.fieldnames or ())
        if wrong := [name for name in COLUMNS[:-1] if columns.count(name) != 1]:
            needed = f"must have each of these columns once: {', '.join(wrong)}"
            raise UserError(
                f"{path} {needed}; its first line must be {','.join(COLUMNS[:-1])}, with or without {COLUMNS[-1]}"
            )
        for values in reader:
            if delimiter == ";" and not any(values[name] for name in columns if name != "file"):
                parts = next(csv.reader([values["file"]]), [])
                if len(parts) == len(COLUMNS):  # a line as the report writes it
                    values = dict(zip(COLUMNS, parts, strict=True))
            if any(values.values()):  # spreadsheet programs write empty lines
                values |= {name: values[name].strip() for name in ("digest", "part", "label")}
                decisions.append(_check_line(path, reader.line_num, values, delimiter))
    except csv.Error as error:
        unclosed = any(words in str(error) for words in ("end of data", "larger than field limit"))
        reason = "a double quote is never closed" if unclosed else error
        place = f", after line {reader.line_num}" if reader.line_num else ""
        raise UserError(f"{path}{place}: {reason}") from None
    return Decisions(decisions, path)


def _check_line(path: Path, line: int, values: dict[str, str], delimiter: str) -> Decision:
    problem = ""
    if values["file"].startswith(("<<<<<<<", "=======", ">>>>>>>")):
        problem = "is a conflict marker of Git; keep the lines of both sides, without the markers"
    elif None in values:
        problem = "has too many values: a name with a comma must be in double quotes, or two lines have run together"
    elif not values["label"] and (";" if delimiter == "," else ",") in values["file"]:
        problem = f"is not separated by '{delimiter}', unlike the first line"
    elif values["file"] == COLUMNS[0] and values["digest"] == COLUMNS[1]:
        problem = "repeats the first line"
    elif bool(values["file"]) == bool(values["digest"]):
        problem = "needs either a file or a digest, not both"
    elif values["part"] not in ("", "test"):
        problem = f"part = {show(values['part'])}: must be empty or test"
    elif not values["label"]:
        problem = f"has no label; write {LEAVE_OUT} to leave the picture out"
    if problem:
        raise UserError(f"{path}, line {line}: {problem}")
    picture = _normalise(values["file"]) or values["digest"].lower()
    return Decision(line, picture, values["part"], _normalise(values["label"]))


def _normalise(name: str) -> str:
    """Return a name in Unicode's composed form, NFC; macOS may write file names in decomposed form."""
    return unicodedata.normalize("NFC", name)


NO_DECISIONS = Decisions((), Path("labels.csv"))
