"""The plots of the report, drawn with matplotlib."""

import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from src.report.params import ReportParams
from src.report.results import Mistakes, Rows, column

CELL = (1.8, 2.0)  # inches; 10 x 10 cells make the notebook's 18 x 20


def to_png(figure: Figure) -> bytes:
    """Encode a figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def error_plot(mistakes: Mistakes, params: ReportParams) -> Figure:
    """Draw the first mistakes in a grid, each titled in red with `Pred<predicted>(<actual>)`."""
    keys = {"index": np.arange(len(mistakes.actual)), "confidence": -mistakes.confidence}
    shown = np.argsort(keys[params.order], kind="stable")[: params.max_images]
    if not len(shown):
        return _text_figure("No mistakes: every test image was classified correctly.")
    rows = -(-len(shown) // params.columns)
    figure = Figure(figsize=(CELL[0] * params.columns, CELL[1] * rows))
    title_height = 0.13  # of a cell
    figure.subplots_adjust(0.005, 0.005 / rows, 0.995, 1 - title_height / rows, wspace=0.04, hspace=0.15)
    for axes in (grid := figure.subplots(rows, params.columns, squeeze=False)).flat:
        axes.axis("off")
    names = mistakes.classes
    titles = [f"Pred{names[mistakes.predicted[i]]}({names[mistakes.actual[i]]})" for i in shown]
    font_size = min(12.0, 12 * 14 / max(map(len, titles)))  # points; 14 characters of 12 points fill a cell
    for axes, index, title in zip(grid.flat, shown, titles, strict=False):
        image = mistakes.images[index].transpose(1, 2, 0)  # H, W, C
        axes.imshow(image if image.shape[2] == 3 else image[:, :, 0], cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, color="red", fontsize=font_size, parse_math=False)
    return figure


def confusion_plot(mistakes: Mistakes) -> Figure:
    """Draw the confusion matrix of the mistakes; the correct predictions on its diagonal are left out."""
    if not len(mistakes.actual):
        return _text_figure("No mistakes: no class was confused with another.")
    classes = mistakes.classes
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


def curves_plot(history: Rows, members: int) -> Figure:
    """Draw losses and validation accuracy by epoch, from the rows of history.csv.

    For a single network the best epoch is marked; the curves of an ensemble are means. A refit has only the training
    loss.
    """
    epochs, train_loss, validation_loss, accuracy = (
        column(history, key) for key in ("epoch", "train_loss", "validation_loss", "validation_accuracy")
    )
    figure = Figure(figsize=(8, 7), layout="constrained")
    validated = bool(np.isfinite(validation_loss).all())
    panels = figure.subplots(1 + validated, sharex=True, squeeze=False)[:, 0]
    losses = panels[0]
    losses.plot(epochs, train_loss, marker=".", label="training")
    if validated:
        losses.plot(epochs, validation_loss, marker=".", label="validation")
        panels[1].plot(epochs, 100 * accuracy, "C1", marker=".")
        panels[1].set(ylabel="validation accuracy (%)")
        best = validation_loss.argmin()
        for axes, values in zip(panels, (validation_loss, 100 * accuracy), strict=True):
            if members == 1:
                axes.plot(epochs[best], values[best], "C1o", fillstyle="none", markersize=12, label="best epoch (kept)")
    title = f"Mean of {members} networks" if members > 1 else ""
    losses.set(ylabel="mean loss per image", yscale="log", title=title)
    losses.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))  # more labels would overlap
    losses.yaxis.set_major_formatter("{x:g}")
    losses.yaxis.set_minor_formatter("{x:g}")
    losses.legend()
    for axes in panels:
        axes.grid(alpha=0.3)
    panels[-1].set(xlabel="epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def reliability_plot(confidence: np.ndarray, correct: np.ndarray, bins: int = 10) -> Figure:
    """Draw accuracy against confidence in equal-width bins; confidence: float (N,), correct: bool (N,)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    images = np.bincount(bin_of, minlength=bins)
    filled = images > 0
    mean_confidence, accuracy = (
        np.bincount(bin_of, weights=values, minlength=bins)[filled] / images[filled] for values in (confidence, correct)
    )
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="grey", linestyle="--", label="perfectly calibrated")
    axes.plot(100 * mean_confidence, 100 * accuracy, "C0o-", label="measured")
    for x, y, count in zip(100 * mean_confidence, 100 * accuracy, images[filled], strict=True):
        axes.annotate(f"{count:,}", (x, y), (0, -14), textcoords="offset points", ha="center", fontsize=9)
    axes.set(
        xlabel="confidence (%)", ylabel="accuracy (%)", title="Numbers at the points: images per bin", ylim=(-6, 104)
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    return figure


def _text_figure(text: str) -> Figure:
    figure = Figure(figsize=(8, 2))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=14)
    return figure
