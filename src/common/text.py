"""Format results as text: Markdown tables, the most probable classes of an image, the name of a dataset."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

IN_A_FOLDER = ("folder", "idx")  # values of download.dataset for data of your own


def markdown_table(header: Sequence[str], rows: Sequence[Iterable[Any]], if_empty: str = "") -> list[str]:
    """Return the lines of a table, or if_empty if it has no rows, followed by an empty line."""
    if not rows:
        return [if_empty, ""]
    return [_row(header), _row("---" for _ in header), *map(_row, rows), ""]


def markdown_text(text: Any) -> str:
    """Escape what Markdown would take for a line break, a cell, a tag, an entity, a link or a mention."""
    escaped = re.sub(r"&(?=#?\w+;)", "&amp;", str(text).replace("\n", " "))
    escaped = escaped.replace("|", "\\|").replace("](", "]\\(").replace("<", "&lt;")
    return re.sub(r"@(?=\w)", "@\u2060", escaped)  # an invisible character that prevents a mention


def show(text: Any) -> str:
    """Return text for a terminal, quoted and escaped if it holds characters that cannot be printed."""
    return str(text) if str(text).isprintable() else repr(str(text))


def listing(title: str, lines: Iterable[str]) -> str:
    """Put a title above indented lines."""
    return "\n  ".join([title, *lines])


def abridge(lines: Sequence[str]) -> list[str]:
    """Return the first ten lines, and how many more there are."""
    rest = len(lines) - 10
    return [*lines[:10], f"and {rest:,} more"] if rest > 0 else [*lines]


def _row(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(map(markdown_text, cells))} |"


def count(noun: str, number: int) -> str:
    """Format a count with its noun, whose plural ends in s, as in `1 epoch` and `2,000 epochs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def describe_top_classes(probabilities: np.ndarray, classes: Sequence[str], shown: int = 3) -> list[str]:
    """Format the most probable classes of each row of probabilities (N, K), as in `4: 61.2% · 9: 38.1% · 7: 0.4%`."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :shown]
    return [
        " · ".join(f"{classes[i]}: {row[i]:.1%}" for i in best) for row, best in zip(probabilities, order, strict=True)
    ]


def dataset_name(params: Mapping[str, Any]) -> str:
    """Name the dataset, from the contents of params.yaml; data of your own has the name of its folder."""
    download = params["download"]
    return str(download["folder"] if download["dataset"] in IN_A_FOLDER else download["dataset"])
