"""Mistakes, metrics and pictures in, one self-contained HTML page out."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scipy.stats import binomtest

from src.tiles import COLUMNS

SURE = 0.9  # confidence above which a mistake is listed as perhaps the label's
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


class Chart(NamedTuple):
    """A PNG file and what it shows, in words."""

    png: bytes
    text: str


def report_page(
    mistakes: Sequence[Mapping[str, str]],
    sheet: bytes,
    tile: tuple[int, int],
    metrics: Mapping[str, Any],
    charts: Sequence[Chart],
    augmented: bytes | None,
    layers: Sequence[Mapping[str, str]],
    params: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> str:
    """The page.

    mistakes: rows of errors.csv; sheet: their images, in the same order, each of tile (height, width) pixels;
    augmented: a PNG of training images, and in the rows below of what augmentation makes of them.
    """
    rows = max(1, -(-len(mistakes) // COLUMNS))
    shown = [_shown(mistake, place, rows) for place, mistake in enumerate(mistakes)]
    images, errors = metrics["images"], metrics["errors"]
    interval = binomtest(images - errors, images).proportion_ci(0.95, method="wilson")
    names = list(metrics["recall"])
    actual, columns = (
        [name for name in names if any(mistake[key] == name for mistake in mistakes)] for key in ("actual", "predicted")
    )
    suspects = sorted(shown, key=lambda mistake: -float(mistake["confidence"]))
    return TEMPLATES.get_template("report.html").render(
        accuracy=f"{metrics['accuracy']:.2%}",
        interval=f"{interval.low:.2%} to {interval.high:.2%}",
        images=f"{images:,}",
        errors=f"{errors:,}",
        metrics=metrics,
        mistakes=shown,
        suspects=[mistake for mistake in suspects if mistake["confidence"] > SURE][:30],
        rows=actual,
        columns=columns,
        confusion=_confusion(shown, actual, columns),
        sheet=_base64(sheet),
        tile={"height": tile[0], "width": tile[1], "columns": COLUMNS, "rows": rows},
        charts=[{"png": _base64(chart.png), "text": chart.text} for chart in charts],
        augmented=augmented and _base64(augmented),
        recall_floor=min(0.95, min(metrics["recall"].values()) // 0.05 * 0.05),
        layers=layers,
        params=params,
        environment=environment,
    )


def position(place: int, rows: int) -> str:
    """Where in a sheet of so many rows a tile lies, as CSS's background-position."""
    row, column = divmod(place, COLUMNS)
    return f"{100 * column / (COLUMNS - 1):.4f}% {100 * row / max(1, rows - 1):.4f}%"


def _shown(mistake: Mapping[str, str], place: int, rows: int) -> dict[str, Any]:
    numbers = {"index": int(mistake["index"]), **{key: float(mistake[key]) for key in ("confidence", "loss")}}
    return {**mistake, **numbers, "position": position(place, rows)}


def _confusion(mistakes: Sequence[Mapping[str, Any]], rows: list[str], columns: list[str]) -> list[dict[str, Any]]:
    """A row a true class: its name, and a cell or None for every class that something was taken for."""
    counts = Counter((mistake["actual"], mistake["predicted"]) for mistake in mistakes)
    example = {(mistake["actual"], mistake["predicted"]): mistake["position"] for mistake in reversed(mistakes)}
    most = max(counts.values(), default=1)

    def cell(pair: tuple[str, str]) -> dict[str, Any] | None:
        if pair not in counts:
            return None
        share = f"{0.6 * counts[pair] / most:.2f}"
        return {"name": pair[1], "count": counts[pair], "share": share, "position": example[pair]}

    return [{"name": row, "cells": [cell((row, column)) for column in columns]} for row in rows]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
