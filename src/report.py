"""Mistakes and a training history in, pictures out."""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import Field

from src.params import Section

CELL = (1.8, 2.0)  # inches; 10 x 10 of them are the notebook's 18 x 20


class ReportParams(Section):
    max_images: Annotated[int, Field(ge=1, le=400)]  # in a column of their own still within matplotlib's 65,535 pixels
    columns: Annotated[int, Field(ge=1, le=40)]
    order: Literal["index", "confidence"]


class Mistakes(NamedTuple):
    """Images uint8 (E, C, H, W); class indices int64 (E,) and confidence float (E,) of the wrong predictions."""

    images: np.ndarray
    actual: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray


def error_plot(mistakes: Mistakes, classes: np.ndarray, params: ReportParams) -> Figure:
    """The first mistakes in a grid, each with `Pred<predicted>(<actual>)` above it in red."""
    keys = {"index": np.arange(len(mistakes.actual)), "confidence": -mistakes.confidence}
    shown = np.argsort(keys[params.order], kind="stable")[: params.max_images]
    if not len(shown):
        return _note("No mistakes: every test image was recognised.")
    rows = -(-len(shown) // params.columns)
    figure = Figure(figsize=(CELL[0] * params.columns, CELL[1] * rows))
    title_height = 0.13  # of a cell
    figure.subplots_adjust(0.005, 0.005 / rows, 0.995, 1 - title_height / rows, wspace=0.04, hspace=0.15)
    for axes in (grid := figure.subplots(rows, params.columns, squeeze=False)).flat:
        axes.axis("off")
    titles = [f"Pred{classes[mistakes.predicted[i]]}({classes[mistakes.actual[i]]})" for i in shown]
    size = min(12.0, 12 * 14 / max(map(len, titles)))  # points; 14 characters of 12 points fill a cell
    for axes, index, title in zip(grid.flat, shown, titles, strict=False):
        image = mistakes.images[index].transpose(1, 2, 0)  # H, W, C
        axes.imshow(image if image.shape[2] == 3 else image[:, :, 0], cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, color="red", fontsize=size, parse_math=False)
    return figure


def loss_plot(epochs: np.ndarray, train: np.ndarray, validation: np.ndarray) -> Figure:
    """Both losses (E,) by epoch, the best epoch marked."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, train, marker=".", label="training")
    axes.plot(epochs, validation, marker=".", label="validation")
    best = validation.argmin()
    axes.plot(epochs[best], validation[best], "C1o", fillstyle="none", markersize=12, label="best epoch, kept")
    axes.set(xlabel="epoch", ylabel="loss (mean over images)", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def confusion_plot(mistakes: Mistakes, classes: np.ndarray) -> Figure:
    """How often each class was mistaken for each other one; the right predictions are left out."""
    if not len(mistakes.actual):
        return _note("No mistakes: there is nothing to confuse.")
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (mistakes.actual, mistakes.predicted), 1)
    side = max(6.0, 0.45 * len(classes) + 2)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Reds")
    ticks = np.arange(len(classes))
    axes.set_xticks(ticks, classes, rotation=90 if max(map(len, classes)) > 2 else 0, parse_math=False)
    axes.set_yticks(ticks, classes, parse_math=False)
    axes.set(xlabel="predicted", ylabel="actual", title=f"{len(mistakes.actual):,} mistakes")
    for actual, predicted in zip(*counts.nonzero(), strict=True):
        count = counts[actual, predicted]
        colour = "white" if count > counts.max() / 2 else "black"
        axes.text(predicted, actual, f"{count}", ha="center", va="center", color=colour)
    return figure


def _note(text: str) -> Figure:
    figure = Figure(figsize=(8, 2))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=14)
    return figure
