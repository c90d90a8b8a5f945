import io
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from src.report import Mistakes, ReportParams, confusion_plot, curves_plot, error_plot, reliability_plot

DIGITS = np.array(list("0123456789"))


def mistakes(count: int, channels: int = 1, classes: int = 10) -> Mistakes:
    rng = np.random.default_rng(0)
    actual = rng.integers(0, classes, count)
    predicted = (actual + rng.integers(1, classes, count)) % classes
    return Mistakes(rng.integers(0, 256, (count, channels, 28, 28), np.uint8), actual, predicted, rng.random(count))


def params(**changes: Any) -> ReportParams:
    return ReportParams.model_validate({"max_images": 100, "columns": 10, "order": "index"} | changes)


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=20)
    assert buffer.getvalue().startswith(b"\x89PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("count", "shown", "rows"), [(0, 0, 1), (1, 1, 1), (7, 7, 1), (47, 47, 5), (1000, 100, 10)])
def test_error_plot_draws_what_there_is(count: int, shown: int, rows: int) -> None:
    figure = error_plot(mistakes(count), DIGITS, params())
    assert len(titles(figure)) == shown
    assert figure.get_size_inches()[1] == 2 * rows
    assert png(figure) == png(error_plot(mistakes(count), DIGITS, params()))


def test_error_plot_is_the_notebooks() -> None:
    made = mistakes(100)
    figure = error_plot(made, DIGITS, params())
    assert figure.get_size_inches().tolist() == [18, 20]
    assert titles(figure)[0] == f"Pred{made.predicted[0]}({made.actual[0]})"
    axes = figure.axes[0]
    assert axes.title.get_color() == "red"
    assert not axes.axison
    image = axes.get_images()[0]
    assert image.get_cmap().name == "gray"
    assert np.array_equal(np.asarray(image.get_array()), made.images[0, 0])


def test_orders() -> None:
    made = mistakes(30)
    by_confidence = error_plot(made, DIGITS, params(order="confidence", max_images=3))
    expected = np.argsort(-made.confidence)[:3]
    assert titles(by_confidence) == [f"Pred{made.predicted[i]}({made.actual[i]})" for i in expected]


def test_colour_images_and_awkward_names() -> None:
    classes = np.array(["$\\frac", "T-shirt/top", "<b>"])
    made = mistakes(5, channels=3, classes=3)
    figure = error_plot(made, classes, params())
    assert np.asarray(figure.axes[0].get_images()[0].get_array()).shape == (28, 28, 3)
    png(figure)
    png(confusion_plot(made, classes))


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_confusion_counts_every_mistake(count: int) -> None:
    figure = confusion_plot(mistakes(count), DIGITS)
    png(figure)
    if count:
        assert sum(int(text.get_text()) for text in figure.axes[0].texts) == count


def test_curves_mark_the_best_epoch() -> None:
    losses = np.array([0.3, 0.2, 0.1]), np.array([0.3, 0.1, 0.2])
    figure = curves_plot(np.array([1, 2, 3]), *losses, np.array([0.8, 0.9, 0.85]), members=1)
    png(figure)
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["training", "validation", "best epoch, kept"]
    assert np.asarray(figure.axes[0].lines[2].get_xydata()).tolist() == [[2, 0.1]]
    assert np.asarray(figure.axes[1].lines[1].get_xydata()).tolist() == [[2, 90]]


def test_curves_of_a_refit_have_no_validation() -> None:
    nothing = np.full(3, np.nan)
    figure = curves_plot(np.array([1, 2, 3]), np.array([0.3, 0.2, 0.1]), nothing, nothing, members=2)
    png(figure)
    assert [line.get_label() for line in figure.axes[0].lines] == ["training"]
    assert len(figure.axes) == 1


def test_reliability_shows_the_share_that_is_right() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 1.0])
    right = np.array([True, True, True, False, False, True])
    figure = reliability_plot(confidence, right)
    png(figure)
    assert np.allclose(np.asarray(figure.axes[0].lines[1].get_xydata()), [[55, 0], [96, 80]])
