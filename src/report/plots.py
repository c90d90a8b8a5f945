"""The plots of the report, drawn with Matplotlib."""

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from src.common.artifacts import EpochMetrics, Error, Prediction
from src.common.metrics import confidence_bins, most_confused, wilson_interval
from src.common.text import count
from src.report.params import ReportParams

LINE, LONG_LINE = 14, 22  # characters that fill the width of a cell at 12 points, and at the smallest size
CELL = (1.8, 2.0)  # inches; 10 x 10 cells make the notebook's 18 x 20
BEST = "best epoch (kept)"
BINS = 10  # of the confidence, in the reliability plot
CHART = (4.8, 4.6)  # inches; narrow, so that the text stays legible on a phone


def to_png(figure: Figure, dpi: int = 80) -> bytes:
    """Encode a figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def to_svg(figure: Figure) -> str:
    """Return a figure as an <svg> element whose black lines and text take the colour of the page's text."""
    text = io.StringIO()
    # With a salt, the ids are not random; without metadata, the file has neither a date nor a version.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"}):
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    svg = text.getvalue()
    # Ids of groups, such as axes_1, would recur in every chart; HTML needs no namespaces.
    svg = re.sub(r' (id="[\w.]+_\d+"|xmlns(:\w+)?="[^"]*")', "", svg[svg.index("<svg") :])
    return svg.replace("#000000", "currentColor")


def font_families(names: Sequence[str]) -> list[str]:
    """Return DejaVu Sans and installed fonts for those characters of the names that it lacks.

    Print the characters that no font has.
    """
    families = ["DejaVu Sans"]
    missing = {ord(character) for name in names for character in name if not character.isascii()}
    fonts = (font for font in fontManager.ttflist if font.style == "normal" and "Last Resort" not in font.name)
    for font in sorted(fonts, key=lambda font: (font.name != families[0], font.name)):
        if not missing:
            break
        try:
            face = FT2Font(font.fname)
        except OSError:  # uninstalled since Matplotlib listed the fonts
            continue
        found = {code for code in missing if face.get_char_index(code)}
        missing -= found
        if found and font.name not in families:
            families.append(font.name)
    if missing:
        characters = "".join(map(chr, sorted(missing)))
        print(
            f"report: no installed font has the characters {characters}; they are drawn as boxes in errors.png and"
            " confusion.png"
        )
    return families


def error_plot(errors: Sequence[Error], images: np.ndarray, params: ReportParams) -> Figure:
    """Draw at most params.max_images errors in a grid, each titled in red with `Pred<predicted>(<actual>)`.

    images: uint8 (E, C, H, W), the misclassified images, in the order of errors.
    """
    order = list(range(len(errors)))
    if params.order == "confidence":
        order.sort(key=lambda place: -errors[place].confidence)
    shown = order[: params.max_images]
    if not shown:
        return _text_figure("No errors: every test image was classified correctly.")
    rows = -(-len(shown) // params.columns)
    figure = Figure(figsize=(CELL[0] * params.columns, CELL[1] * rows))
    titles = [(f"Pred{errors[place].predicted}", f"({errors[place].actual})") for place in shown]
    lines = 1 if max(len("".join(title)) for title in titles) <= LINE else 2
    separator = "" if lines == 1 else "\n"
    text = [separator.join(_shorten(line) for line in title) for title in titles]
    longest = max(len(line) for title in text for line in title.split("\n"))
    font_size = min(12.0, 12 * LINE / longest)  # points
    title_height = 0.02 + 0.11 * lines  # of a cell
    figure.subplots_adjust(0.005, 0.005 / rows, 0.995, 1 - title_height / rows, wspace=0.04, hspace=0.15 * lines)
    cells = figure.subplots(rows, params.columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, place, title in zip(cells, shown, text, strict=False):
        image = images[place].transpose(1, 2, 0)  # H, W, C
        axes.imshow(image if image.shape[2] == 3 else image[:, :, 0], cmap="gray", vmin=0, vmax=255)
        # With y set, Matplotlib does not measure the ticks.
        axes.set_title(title, color="red", fontsize=font_size, parse_math=False, y=1)
    return figure


def _shorten(text: str) -> str:
    return text if len(text) <= LONG_LINE else f"{text[: LONG_LINE - 1]}…"


def confusion_plot(errors: Sequence[Error], classes: Sequence[str]) -> Figure:
    """Draw the confusion matrix of the errors, without correct predictions, for the most confused classes."""
    if not errors:
        return _text_figure("No errors: no class was confused with another.")
    classes, shown = most_confused(errors, classes)
    index_of = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    for error in shown:
        counts[index_of[error.actual], index_of[error.predicted]] += 1
    title = count("error", len(errors)) + (f", of which {len(shown):,} are shown" if len(shown) < len(errors) else "")
    side = max(6.0, 0.45 * len(classes) + 2)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Reds")
    ticks = np.arange(len(classes))
    axes.set_xticks(ticks, classes, rotation=90 if max(map(len, classes)) > 2 else 0, parse_math=False)
    axes.set_yticks(ticks, classes, parse_math=False)
    axes.set(xlabel="predicted", ylabel="actual", title=title)
    for actual, predicted in zip(*counts.nonzero(), strict=True):
        number = counts[actual, predicted]
        colour = "white" if number > counts.max() / 2 else "black"
        axes.text(predicted, actual, f"{number}", ha="center", va="center", color=colour)
    return figure


def curves_plot(history: Sequence[EpochMetrics], members: int) -> Figure:
    """Draw losses and validation accuracy by epoch.

    For a single network the best epoch is marked; the curves of an ensemble are means. A refit has only the training
    loss.
    """
    epochs, train_loss, validation_loss, accuracy = (
        np.array([getattr(epoch, name) for epoch in history])
        for name in ("epoch", "train_loss", "validation_loss", "validation_accuracy")
    )
    validated = bool(np.isfinite(validation_loss).all())
    figure = Figure(figsize=CHART, layout="constrained")
    panels = figure.subplots(1 + validated, sharex=True, squeeze=False)[:, 0]
    panels[0].plot(epochs, train_loss, marker=".", label="training")
    if validated:
        best = validation_loss.argmin()
        in_front: dict[str, Any] = {"clip_on": False, "zorder": 3}  # so that the frame does not cut off points at 100%
        for axes, values in zip(panels, (validation_loss, 100 * accuracy), strict=True):
            axes.plot(epochs, values, "C1", marker=".", label="validation", **in_front)
            if members == 1:
                axes.plot(epochs[best], values[best], "C1o", fillstyle="none", markersize=12, label=BEST, **in_front)
        panels[1].set(ylabel="validation accuracy (%)", ylim=(None, min(panels[1].get_ylim()[1], 100)))
    panels[0].set(ylabel="mean loss per image", title=f"Mean of {members} networks" if members > 1 else "")
    _use_log_scale(panels[0])
    panels[-1].set(xlabel="epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure)
    return figure


def reliability_plot(predictions: Sequence[Prediction]) -> Figure:
    """Draw accuracy against confidence in equal-width bins, with 95% intervals, and the number of images per bin."""
    confidence = np.array([row.confidence for row in predictions])
    correct = np.array([row.actual == row.predicted for row in predictions])
    bin_of = confidence_bins(confidence, BINS)
    images, right = np.bincount(bin_of, minlength=BINS), np.bincount(bin_of[correct], minlength=BINS)
    filled = np.flatnonzero(images)
    x = 100 * np.bincount(bin_of, weights=confidence)[filled] / images[filled]
    y = 100 * right[filled] / images[filled]
    intervals = 100 * np.array([wilson_interval(right[i], images[i]) for i in filled])
    figure = Figure(figsize=CHART, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 100], [0, 100], color="grey", linestyle="--", label="perfectly calibrated")
    upper.errorbar(x, y, np.abs(intervals.T - y), fmt="C0o", capsize=3, label="measured, with 95% interval")
    upper.set(ylabel="accuracy (%)", ylim=(-4, 104))
    bars = lower.bar((filled + 0.5) * 100 / BINS, images[filled], 90 / BINS)
    counts = [f"{number:,}" if number < 10_000 else f"{number / 1000:,.0f}k" for number in images[filled]]
    lower.bar_label(bars, counts, fontsize=9, padding=1)
    lower.set(xlabel="confidence (%)", ylabel="images", xlim=(-4, 104), ylim=(0.5, 20 * images.max()), yscale="log")
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.yaxis.set_minor_locator(NullLocator())
    _finish(figure)
    return figure


def _finish(figure: Figure) -> None:
    """Add grids, and put the legend of the first panel above all panels, where it covers no data."""
    for axes in figure.axes:
        axes.grid(alpha=0.3)
    figure.align_ylabels()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)


def _use_log_scale(axes: Axes) -> None:
    axes.set(yscale="log")
    low, high = axes.get_ylim()
    # More labels between the powers of ten would overlap.
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)) if high < 100 * low else NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")


def _text_figure(text: str) -> Figure:
    figure = Figure(figsize=(8, 2))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=14)
    return figure
