"""Mistakes and a training history in, pictures out."""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
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


def curves_plot(
    epochs: np.ndarray, train_loss: np.ndarray, validation_loss: np.ndarray, accuracy: np.ndarray, members: int
) -> Figure:
    """Both losses and the validation accuracy (E,) by epoch, of a single network with its best epoch marked.

    They are means over members, each of which has its own best epoch. NaN where nothing was validated: then the
    training loss alone.
    """
    figure = Figure(figsize=(8, 7), layout="constrained")
    validated = bool(np.isfinite(validation_loss).all())
    panels = figure.subplots(1 + validated, sharex=True, squeeze=False)[:, 0]
    losses = panels[0]
    losses.plot(epochs, train_loss, marker=".", label="training")
    if validated:
        losses.plot(epochs, validation_loss, marker=".", label="validation")
        panels[1].plot(epochs, 100 * accuracy, "C1", marker=".")
        panels[1].set(ylabel="validation images right (%)")
        best = validation_loss.argmin()
        for axes, values in zip(panels, (validation_loss, 100 * accuracy), strict=True):
            if members == 1:
                axes.plot(epochs[best], values[best], "C1o", fillstyle="none", markersize=12, label="best epoch, kept")
    title = f"Mean of {members} networks" if members > 1 else ""
    losses.set(ylabel="loss (mean over images)", yscale="log", title=title)
    losses.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))  # more labels would run into each other
    losses.yaxis.set_major_formatter("{x:g}")
    losses.yaxis.set_minor_formatter("{x:g}")
    losses.legend()
    for axes in panels:
        axes.grid(alpha=0.3)
    panels[-1].set(xlabel="epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def reliability_plot(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> Figure:
    """Share of images that are right, by the confidence of the prediction; confidence float, right bool (N,)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    images = np.bincount(bin_of, minlength=bins)
    filled = images > 0
    middle, share = (
        np.bincount(bin_of, weights=of, minlength=bins)[filled] / images[filled] for of in (confidence, right)
    )
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="grey", linestyle="--", label="as sure as right")
    axes.plot(100 * middle, 100 * share, "C0o-", label="measured")
    for x, y, count in zip(100 * middle, 100 * share, images[filled], strict=True):
        axes.annotate(f"{count:,}", (x, y), (0, -14), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xlabel="confidence (%)", ylabel="right (%)", title="Images in each tenth of confidence", ylim=(-6, 104))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
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
