import io
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from src.common.metrics import wilson_interval
from src.report.params import ReportParams
from src.report.plots import confusion_plot, curves_plot, error_plot, reliability_plot, to_svg
from src.report.results import Mistakes

DIGITS = list("0123456789")


def make_mistakes(count: int, channels: int = 1, classes: list[str] = DIGITS) -> Mistakes:
    rng = np.random.default_rng(0)
    actual = rng.integers(0, len(classes), count)
    predicted = (actual + rng.integers(1, len(classes), count)) % len(classes)
    images = rng.integers(0, 256, (count, channels, 28, 28), np.uint8)
    return Mistakes(images, actual, predicted, rng.random(count), np.array(classes))


def make_params(**changes: Any) -> ReportParams:
    return ReportParams.model_validate({"max_images": 100, "columns": 10, "order": "index"} | changes)


def make_history(train: list[float], validation: list[float], accuracy: list[float]) -> list[dict[str, str]]:
    """Rows of history.csv."""
    return [
        {"epoch": str(epoch), "train_loss": str(t), "validation_loss": str(v), "validation_accuracy": str(a)}
        for epoch, (t, v, a) in enumerate(zip(train, validation, accuracy, strict=True), start=1)
    ]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def draw(figure: Figure) -> bytes:
    """Draw a figure as a small PNG; fails if a text cannot be drawn."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=20)
    assert buffer.getvalue().startswith(b"\x89PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("count", "shown", "rows"), [(0, 0, 1), (1, 1, 1), (7, 7, 1), (47, 47, 5), (1000, 100, 10)])
def test_the_error_plot_draws_at_most_max_images_mistakes(count: int, shown: int, rows: int) -> None:
    figure = error_plot(make_mistakes(count), make_params())
    assert len(titles(figure)) == shown
    assert figure.get_size_inches()[1] == 2 * rows


@pytest.mark.parametrize("count", [0, 1, 7])
def test_equal_error_plots_have_equal_bytes(count: int) -> None:
    one, other = (draw(error_plot(make_mistakes(count), make_params())) for _ in range(2))
    assert one == other


def test_the_error_plot_looks_like_the_notebooks() -> None:
    mistakes = make_mistakes(100)
    figure = error_plot(mistakes, make_params())
    assert figure.get_size_inches().tolist() == [18, 20]
    assert titles(figure)[0] == f"Pred{mistakes.predicted[0]}({mistakes.actual[0]})"
    axes = figure.axes[0]
    assert axes.title.get_color() == "red"
    assert not axes.axison
    image = axes.get_images()[0]
    assert image.get_cmap().name == "gray"
    assert np.array_equal(np.asarray(image.get_array()), mistakes.images[0, 0])


def test_the_error_plot_can_start_with_the_most_confident_mistakes() -> None:
    mistakes = make_mistakes(30)
    figure = error_plot(mistakes, make_params(order="confidence", max_images=3))
    expected = np.argsort(-mistakes.confidence)[:3]
    assert titles(figure) == [f"Pred{mistakes.predicted[i]}({mistakes.actual[i]})" for i in expected]


def test_colour_images_and_class_names_with_markup_are_drawn() -> None:
    mistakes = make_mistakes(5, channels=3, classes=["$\\frac", "T-shirt/top", "<b>"])
    figure = error_plot(mistakes, make_params())
    assert np.asarray(figure.axes[0].get_images()[0].get_array()).shape == (28, 28, 3)
    draw(figure)
    draw(confusion_plot(mistakes))


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_the_confusion_plot_counts_every_mistake(count: int) -> None:
    figure = confusion_plot(make_mistakes(count))
    draw(figure)
    if count:
        assert sum(int(text.get_text()) for text in figure.axes[0].texts) == count


def test_the_curves_mark_the_best_epoch() -> None:
    figure = curves_plot(make_history([0.3, 0.2, 0.1], [0.3, 0.1, 0.2], [0.8, 0.9, 0.85]), members=1)
    draw(figure)
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["training", "validation", "best epoch (kept)"]
    assert np.asarray(figure.axes[0].lines[2].get_xydata()).tolist() == [[2, 0.1]]
    assert np.asarray(figure.axes[1].lines[1].get_xydata()).tolist() == [[2, 90]]


def test_the_curves_of_a_refit_have_no_validation() -> None:
    missing = [float("nan")] * 3
    figure = curves_plot(make_history([0.3, 0.2, 0.1], missing, missing), members=2)
    draw(figure)
    assert [line.get_label() for line in figure.axes[0].lines] == ["training"]
    assert len(figure.axes) == 1
    assert figure.axes[0].get_title() == "Mean of 2 networks"


def test_the_reliability_plot_shows_accuracy_interval_and_images_per_bin_of_confidence() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 1.0])
    correct = np.array([True, True, True, False, False, True])
    figure = reliability_plot(confidence, correct)
    draw(figure)
    upper, lower = figure.axes
    points, _, (bars,) = upper.containers[0]
    assert np.allclose(points.get_xydata(), [[55, 0], [96, 80]])
    assert points.get_linestyle() == "None"  # a bin of few images would pull a line
    expected = [100 * np.array(wilson_interval(*counts)) for counts in ((0, 1), (4, 5))]
    assert np.allclose([segment[:, 1] for segment in bars.get_segments()], expected)
    assert lower.dataLim.ymax == 5
    assert [text.get_text() for text in lower.texts] == ["1", "5"]


def test_the_numbers_of_images_do_not_overlap() -> None:
    confidence = np.tile(np.linspace(0.05, 0.95, 10), 123_450)
    figure = reliability_plot(confidence, confidence > 0.5)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[1].texts]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_svg_takes_the_colour_of_the_page() -> None:
    history = make_history([0.3, 0.2], [0.3, 0.1], [0.8, 0.9])
    one, other = (to_svg(curves_plot(history, members=1)) for _ in range(2))
    assert one == other
    assert one.startswith("<svg")
    assert "currentColor" in one
    assert not re.search("#0{6}|#f{6}|https?://|<metadata", one)
    reliability = to_svg(reliability_plot(np.array([0.95, 0.95]), np.array([True, False])))
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, reliability)]
    assert all(re.fullmatch("[a-z][0-9a-f]{10}", name) for name in set.union(*ids))  # hashes of what they name


@pytest.mark.parametrize("last", [0.5, 0.1, 0.012, 0.0009, 0.00001])
def test_the_labels_of_the_loss_axis_do_not_overlap(last: float) -> None:
    figure = curves_plot(make_history([1.1, 0.5, last], [0.9, 0.4, last], [0.7, 0.9, 0.99]), members=1)
    figure.draw_without_rendering()
    axis = figure.axes[0].yaxis
    low, high = axis.get_view_interval()
    ticks = [tick for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()) if low <= tick.get_loc() <= high]
    boxes = sorted(
        (tick.label1.get_window_extent() for tick in ticks if tick.label1.get_text()), key=lambda box: box.y0
    )
    assert len(boxes) > 1
    assert all(lower.y1 < upper.y0 for lower, upper in pairwise(boxes))
