"""Corrections of labels: what labels.csv says about single pictures, applied to the data."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.common.artifacts import AppliedVerdict, PictureName
from src.common.dataset import Dataset
from src.common.errors import UserError
from src.common.text import show

COLUMNS = ("file", "digest", "part", "label", "note")
LEAVE_OUT = "-"
NAMED = 10  # lines that are listed, at most


class Downloaded(NamedTuple):
    """The training set, the test set, the names of the images' files, if each has one, and the lines applied."""

    train: Dataset
    test: Dataset
    files: list[PictureName]
    applied: list[AppliedVerdict]


class Verdict(NamedTuple):
    """A line of labels.csv: the class of a picture, or `-` to leave it out; part: test, or empty for all others."""

    line: int
    picture: str
    part: str
    label: str


class Verdicts:
    """The lines of labels.csv, by the file or the digest of their picture; path is the file's."""

    def __init__(self, verdicts: Sequence[Verdict], path: Path) -> None:
        self.path = path
        self.by_picture: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            self.by_picture.setdefault(verdict.picture, []).append(verdict)

    def apply(
        self,
        classes: Sequence[str],
        labels: np.ndarray,
        digests: Sequence[bytes],
        in_test: Sequence[bool],
        files: Sequence[Sequence[str]],
    ) -> tuple[np.ndarray, np.ndarray, list[AppliedVerdict]]:
        """Return corrected labels int64 (N,), which images to keep, bool (N,), and the lines that were applied.

        files: those of each image, which has more than one if there are copies. Print what was changed. Raise UserError
        if a line names an unknown class, or two lines about one picture disagree.
        """
        index_of = {name: index for index, name in enumerate(classes)}
        for verdict in (verdict for found in self.by_picture.values() for verdict in found):
            if verdict.label not in (*index_of, LEAVE_OUT):
                known = ", ".join(map(show, classes))
                raise UserError(
                    f"{self.path}, line {verdict.line}: unknown class {show(verdict.label)}; known are {known}, and"
                    f" {LEAVE_OUT} to leave a picture out"
                )
        corrected, kept = labels.copy(), np.ones(len(labels), bool)
        applied, used = [], set()
        for row, (digest, names) in enumerate(zip(digests, files, strict=True)):
            found = [verdict for key in (digest.hex(), *names) for verdict in self.by_picture.get(key, ())]
            found = [verdict for verdict in found if (verdict.part == "test") == in_test[row]]
            if not found:
                continue
            first, *others = found
            for other in others:
                if other.label != first.label:
                    raise UserError(
                        f"{self.path}, lines {first.line} and {other.line}: the same picture is {show(first.label)} in"
                        f" one and {show(other.label)} in the other"
                    )
            used |= {verdict.line for verdict in found}
            part = "test" if in_test[row] else "train"
            applied.append(AppliedVerdict(part, digest.hex(), classes[labels[row]], first.label))
            if first.label == LEAVE_OUT:
                kept[row] = False
            else:
                corrected[row] = index_of[first.label]
        self._report(applied, used)
        return corrected, kept, applied

    def settles(self, digest: bytes, names: Sequence[str]) -> bool:
        """Return whether a line gives the picture with this digest, in these files, a label or leaves it out."""
        return any(key in self.by_picture for key in (digest.hex(), *names))

    def _report(self, applied: Sequence[AppliedVerdict], used: set[int]) -> None:
        out = sum(verdict.label == LEAVE_OUT for verdict in applied)
        right = sum(verdict.label == verdict.before for verdict in applied)
        if applied:
            changed = len(applied) - out - right
            print(
                f"download: {self.path}: {changed:,} labels changed, {out:,} pictures left out, {right:,} labels right"
            )
        unused = [verdict for found in self.by_picture.values() for verdict in found if verdict.line not in used]
        if unused:
            lines = [f"line {verdict.line}: {show(verdict.picture)}" for verdict in unused[:NAMED]]
            if len(unused) > NAMED:
                lines.append(f"and {len(unused) - NAMED:,} more")
            title = f"download: {self.path}: {len(unused):,} of its lines change nothing, as no picture of this dataset"
            title += " fits, or as the picture is a test picture and the part is not test, or the reverse:"
            print("\n  ".join([title, *lines]))


def read_verdicts(path: Path) -> Verdicts:
    """Read labels.csv, as spreadsheet programs write it, too; raise UserError if a line cannot be understood."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8: {error}") from None
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, restval="")
    verdicts = []
    try:
        if missing := [name for name in COLUMNS[:-1] if name not in (reader.fieldnames or ())]:
            raise UserError(f"{path} has no column {', '.join(missing)}; its first line must be {','.join(COLUMNS)}")
        for values in reader:
            verdicts.append(_check_line(path, reader.line_num, values))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}") from None
    return Verdicts(verdicts, path)


def _check_line(path: Path, line: int, values: dict[str, str]) -> Verdict:
    problem = ""
    if None in values:
        problem = "has more values than there are columns; a name with a comma must be in double quotes"
    elif bool(values["file"]) == bool(values["digest"]):
        problem = "must have either a file or a digest"
    elif values["part"] not in ("", "test"):
        problem = f"part = {show(values['part'])}: must be empty or test"
    elif not values["label"]:
        problem = f"has no label; write {LEAVE_OUT} to leave the picture out"
    if problem:
        raise UserError(f"{path}, line {line}: {problem}")
    return Verdict(line, values["file"] or values["digest"].lower(), values["part"], values["label"])


NO_VERDICTS = Verdicts((), Path("labels.csv"))
