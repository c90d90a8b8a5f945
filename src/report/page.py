"""The report: its plots, and one HTML page that loads nothing from the internet."""

import math
import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from matplotlib import rc_context

from src.common.artifacts import RELIABLE_ACCURACY, Error, Suspect
from src.common.metrics import Recall, most_confused, recall_per_class, wilson_interval
from src.common.params import flatten
from src.common.sprites import count_rows, make_sprite_sheet, split_sprite_sheet
from src.common.text import count, dataset_name
from src.report.html import HERE, encode, render, sprite_position, sprite_size
from src.report.params import ReportParams
from src.report.plots import (
    confusion_plot,
    curves_plot,
    error_plot,
    font_families,
    reliability_plot,
    to_png,
    to_svg,
)
from src.report.results import Results

MAX_SUSPECTS, MAX_TEST_LABELS = 200, 100  # labels to check: of training and validation images, and of test images
DOUBTFUL_LOSS = -math.log(0.4)  # the label of an error is doubtful if its probability is below 40%


class Chart(NamedTuple):
    """A plot as an <svg> element, and a description of it."""

    svg: str
    description: str


def build_report(results: Results, params: ReportParams) -> dict[str, bytes]:
    """Draw the plots and render the page; return the file contents by name."""
    results.check()
    images = split_sprite_sheet(results.error_images, len(results.errors))
    validated = not math.isnan(results.history[-1].validation_loss)
    drawn = "Losses and validation accuracy" if validated else "Training loss"
    curves = f"{drawn} over {count('epoch', len(results.history))}"
    mean = f", mean of {results.members} networks" if results.members > 1 else ""
    charts = {
        "curves.png": (curves_plot(results.history, results.members), curves + mean),
        "reliability.png": (reliability_plot(results.predictions), "Accuracy against confidence, and images per bin"),
    }
    height, width = images.shape[2:]
    page = report_page(results, (height, width), [Chart(to_svg(plot), text) for plot, text in charts.values()])
    with rc_context({"font.family": font_families(results.classes)}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # font_families has reported them
        named = {
            "errors.png": to_png(error_plot(results.errors, images, params)),
            "confusion.png": to_png(confusion_plot(results.errors, results.classes)),
        }
    return {
        **named,
        **{name: to_png(plot, dpi=150) for name, (plot, _) in charts.items()},
        "index.html": page.encode(),
    }


def report_page(results: Results, image_size: tuple[int, int], charts: Sequence[Chart]) -> str:
    """Render the page; image_size: height and width of an image in pixels."""
    metrics = results.metrics
    errors = _describe(results, "test", results.errors)
    decided = {(decision.digest, decision.label) for decision in results.decisions}
    suspects = [suspect for suspect in results.suspects if (suspect.digest, suspect.label) not in decided]
    shown_suspects = suspects[:MAX_SUSPECTS]
    checks = [*_describe(results, "train", shown_suspects), *_find_doubtful_test_labels(results, decided)]
    low, high = wilson_interval(metrics.images - metrics.errors, metrics.images)
    others = Counter(results.training_data.classes[label] for label in results.training_data.labels)
    recall = recall_per_class(results.predictions, results.classes)
    actual, predicted = (
        [name for name in results.classes if any(error[key] == name for error in errors)]
        for key in ("actual", "predicted")
    )
    confused, shown = most_confused(results.errors, results.classes)
    return render(
        HERE / "report.html",
        result_id=results.result_id,
        dataset=dataset_name(results.params),
        accuracy=f"{metrics.accuracy:.2%}",
        interval=f"{low:.2%} to {high:.2%}",
        images=f"{metrics.images:,}",
        error_count=f"{metrics.errors:,}",
        metrics=metrics,
        errors=errors,
        checks=checks,
        reliable_accuracy=RELIABLE_ACCURACY,
        suspect_count=len(suspects),
        shown_suspects=len(shown_suspects),
        suspect_sheet=encode(
            make_sprite_sheet(results.training_data.images[[suspect.index for suspect in shown_suspects]])
        ),
        suspect_rows=count_rows(len(shown_suspects)),
        changed_test_labels=sum(decision.changes_test_set for decision in results.decisions),
        copies=results.copies,
        unusable=results.unusable,
        classes=results.classes,
        actual=actual,
        predicted=predicted,
        confusion=_confusion(errors, confused),
        confused_count=len(confused),
        shown_count=len(shown),
        sheet=encode(results.error_images),
        tile=sprite_size(len(errors), *image_size),
        charts=charts,
        augmented=encode(results.augmented) if _is_augmented(results.params) else None,
        recall=[{**row._asdict(), "bar": _bar(row), "others": others[row.name]} for row in recall],
        worst=_worst_class(results.errors, recall),
        layers=results.layers,
        params=flatten(results.params),
        environment=results.environment.model_dump(exclude_none=True),
    )


def _bar(recall: Recall) -> str:
    """Return the CSS variables that place a recall and its interval on a scale that is the same in every report.

    The scale is logarithmic in the error: recalls of 0, 90, 99 and 99.9% are equally far apart.
    """
    rates = {"low": recall.low, "at": recall.recall, "high": recall.high}
    places = {name: abs(math.log10(max(1 - rate, 0.001))) / 3 for name, rate in rates.items()}
    return "; ".join(f"--{name}: {place:.1%}" for name, place in places.items())


def _worst_class(errors: Sequence[Error], recall: Sequence[Recall]) -> dict[str, Any] | None:
    """Return the class whose recall has the lowest upper bound, and the class it is most often taken for."""
    if not errors:
        return None
    worst = min((row for row in recall if row.images), key=lambda row: row.high)
    predicted = Counter(error.predicted for error in errors if error.actual == worst.name)
    [(confused, times)] = predicted.most_common(1)
    return {**worst._asdict(), "errors": predicted.total(), "confused": confused, "count": times}


def _describe(results: Results, part: str, rows: Sequence[Error | Suspect]) -> list[dict[str, Any]]:
    """Describe rows, given in the order of their sprite sheet; part: train or test, the file with the images."""
    return [
        {
            **asdict(row),
            "position": sprite_position(place, len(rows)),
            "name": _name(results, part, row.index),
        }
        for place, row in enumerate(rows)
    ]


def _find_doubtful_test_labels(results: Results, decided: Collection[tuple[str, str]]) -> list[dict[str, Any]]:
    """Describe the errors with the highest losses, except those whose digest and label are in decided."""
    digests = [results.test_set[error.index].digest for error in results.errors]
    found: list[dict[str, Any]] = [
        {
            "part": "test",
            "label": error.actual,
            "predicted": error.predicted,
            "score": 1 - math.exp(-error.loss),
            "digest": digest,
            "position": sprite_position(place, len(results.errors)),
            "name": _name(results, "test", error.index),
        }
        for place, (error, digest) in enumerate(zip(results.errors, digests, strict=True))
        if error.loss > DOUBTFUL_LOSS and (digest, error.actual) not in decided
    ]
    found.sort(key=lambda item: -item["score"])
    return found[:MAX_TEST_LABELS]


def _name(results: Results, part: str, index: int) -> str:
    return results.files.get((part, index), f"image {index}")


def _confusion(errors: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """Return the columns (predicted classes) and the rows, each an actual class with a cell or None per column."""
    counts = Counter((error["actual"], error["predicted"]) for error in errors)
    pairs = [pair for pair in counts if {*pair} <= {*classes}]
    rows = [name for name in classes if any(actual == name for actual, _ in pairs)]
    columns = [name for name in classes if any(predicted == name for _, predicted in pairs)]
    example = {(error["actual"], error["predicted"]): error["position"] for error in reversed(errors)}
    largest = max(counts.values(), default=1)

    def cell(pair: tuple[str, str]) -> dict[str, Any] | None:
        if pair not in counts:
            return None
        opacity = f"{0.6 * counts[pair] / largest:.2f}"
        return {"name": pair[1], "count": counts[pair], "opacity": opacity, "position": example[pair]}

    cells = [{"name": row, "cells": [cell((row, column)) for column in columns]} for row in rows]
    return {"columns": columns, "rows": cells}


def _is_augmented(params: Mapping[str, Any]) -> bool:
    return any(value for key, value in params["augment"].items() if key != "clean_epochs")
