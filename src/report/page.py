"""The report page: one HTML file that loads nothing from the internet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from src.common.metrics import recall_per_class, wilson_interval
from src.common.text import dataset_name
from src.report.html import HERE, encode, render, sprite_position, sprite_size
from src.report.results import Results


class Chart(NamedTuple):
    """A plot as an <svg> element, and a description of it."""

    svg: str
    description: str


def report_page(results: Results, image_size: tuple[int, int], charts: Sequence[Chart]) -> str:
    """Render the page; image_size: height and width of an image in pixels."""
    metrics, count = results.metrics, len(results.errors)
    mistakes = [_describe(row, place, count, results.files) for place, row in enumerate(results.errors)]
    low, high = wilson_interval(metrics["images"] - metrics["errors"], metrics["images"])
    recall = recall_per_class(results.predictions, list(metrics["recall"]))
    actual, predicted = (
        [name for name in metrics["recall"] if any(mistake[key] == name for mistake in mistakes)]
        for key in ("actual", "predicted")
    )
    return render(
        HERE / "report.html",
        result_id=results.result_id,
        dataset=dataset_name(results.params),
        accuracy=f"{metrics['accuracy']:.2%}",
        interval=f"{low:.2%} to {high:.2%}",
        images=f"{metrics['images']:,}",
        errors=f"{metrics['errors']:,}",
        metrics=metrics,
        mistakes=mistakes,
        rows=actual,
        columns=predicted,
        confusion=_confusion(mistakes, actual, predicted),
        sheet=encode(results.error_images),
        tile=sprite_size(count, *image_size),
        charts=[{"svg": chart.svg, "description": chart.description} for chart in charts],
        augmented=encode(results.augmented) if _is_augmented(results.params) else None,
        recall=recall,
        recall_floor=min(0.95, min(row.low for row in recall if row.images) // 0.05 * 0.05),
        layers=results.layers,
        params=_flatten(results.params),
        environment=results.environment,
    )


def _describe(row: Mapping[str, str], place: int, count: int, files: Mapping[str, str]) -> dict[str, Any]:
    numbers = {"index": int(row["index"]), **{key: float(row[key]) for key in ("confidence", "loss")}}
    name = files.get(row["index"], f"image {row['index']}")
    return {**row, **numbers, "position": sprite_position(place, count), "name": name}


def _confusion(mistakes: Sequence[Mapping[str, Any]], rows: list[str], columns: list[str]) -> list[dict[str, Any]]:
    """Return one dict per actual class: its name, and a cell or None for every predicted class."""
    counts = Counter((mistake["actual"], mistake["predicted"]) for mistake in mistakes)
    example = {(mistake["actual"], mistake["predicted"]): mistake["position"] for mistake in reversed(mistakes)}
    largest = max(counts.values(), default=1)

    def cell(pair: tuple[str, str]) -> dict[str, Any] | None:
        if pair not in counts:
            return None
        opacity = f"{0.6 * counts[pair] / largest:.2f}"
        return {"name": pair[1], "count": counts[pair], "opacity": opacity, "position": example[pair]}

    return [{"name": row, "cells": [cell((row, column)) for column in columns]} for row in rows]


def _is_augmented(params: Mapping[str, Any]) -> bool:
    return any(value for key, value in params.get("augment", {}).items() if key != "clean_epochs")


def _flatten(params: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, keys in params.items() for key, value in keys.items()}
