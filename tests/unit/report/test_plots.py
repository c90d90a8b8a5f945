import io
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from src.common.artifacts import EpochMetrics, Prediction
from src.common.metrics import wilson_interval
from src.report.params import ReportParams
from src.report.plots import confusion_plot, curves_plot, error_plot, font_families, reliability_plot, to_svg
from tests.builders import make_errors
from tests.helpers import ENVIRONMENT, ROOT

DIGITS = list("0123456789")


def test_a_backend_that_is_missing_does_not_matter() -> None:
    environment = ENVIRONMENT | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as in Jupyter
    subprocess.run([sys.executable, "-c", "import src.report.plots"], cwd=ROOT, env=environment, check=True)


def make_images(count: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, channels, 28, 28), np.uint8)


def plot_errors(count: int, channels: int = 1, classes: list[str] = DIGITS, **params: Any) -> Figure:
    return error_plot(make_errors(count, classes), make_images(count, channels), make_params(**params))


def make_params(**changes: Any) -> ReportParams:
    return ReportParams.model_validate({"max_images": 100, "columns": 10, "order": "index"} | changes)


def make_history(train: list[float], validation: list[float], accuracy: list[float]) -> list[EpochMetrics]:
    return [
        EpochMetrics(epoch, 100, *values, learning_rate=0.1, temperature=1.0)
        for epoch, values in enumerate(zip(train, validation, accuracy, strict=True), start=1)
    ]


def make_predictions(confidence: Sequence[float], correct: Sequence[bool]) -> list[Prediction]:
    return [
        Prediction(index, "a", "a" if right else "b", value, 0.5)
        for index, (value, right) in enumerate(zip(confidence, correct, strict=True))
    ]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def draw(figure: Figure) -> bytes:
    """Draw a figure as a small PNG; fails if a text cannot be drawn."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=20)
    assert buffer.getvalue().startswith(b"\x89PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("count", "shown", "rows"), [(0, 0, 1), (1, 1, 1), (7, 7, 1), (17, 17, 2), (1000, 30, 3)])
def test_the_error_plot_draws_at_most_max_images_errors(count: int, shown: int, rows: int) -> None:
    figure = plot_errors(count, max_images=30)
    assert len(titles(figure)) == shown
    assert figure.get_size_inches()[1] == 2 * rows


def test_long_names_are_cut_and_drawn_in_two_lines_that_can_be_read() -> None:
    names = ["Animals & Nature", "Travel and a very long name of a place"]
    figure = plot_errors(4, classes=names, columns=2)
    assert titles(figure)[0].split("\n")[0].startswith("Pred")
    assert {len(title.split("\n")) for title in titles(figure)} == {2}
    assert float(figure.axes[0].title.get_fontsize()) >= 7.5
    figure.canvas.draw()
    above, below = figure.axes[0], figure.axes[2]
    assert below.title.get_window_extent().y1 < above.get_window_extent().y0


def test_the_error_plot_looks_like_the_notebooks() -> None:
    figure, error = plot_errors(20), make_errors(20, DIGITS)[0]
    assert figure.get_size_inches().tolist() == [18, 4]  # 18 by 20 for 100 errors
    assert titles(figure)[0] == f"Pred{error.predicted}({error.actual})"
    axes = figure.axes[0]
    assert axes.title.get_color() == "red"
    assert not axes.axison
    image = axes.get_images()[0]
    assert image.get_cmap().name == "gray"
    assert np.array_equal(np.asarray(image.get_array()), make_images(20)[0, 0])


def test_the_error_plot_can_start_with_the_most_confident_errors() -> None:
    figure = plot_errors(30, order="confidence", max_images=3)
    expected = sorted(make_errors(30, DIGITS), key=lambda error: error.confidence)[:-4:-1]
    assert titles(figure) == [f"Pred{error.predicted}({error.actual})" for error in expected]


def test_colour_images_and_class_names_with_markup_are_drawn() -> None:
    classes = ["$\\frac$", "T-shirt/top", "<b>"]
    figure = plot_errors(5, channels=3, classes=classes)
    assert np.asarray(figure.axes[0].get_images()[0].get_array()).shape == (28, 28, 3)
    draw(figure)
    draw(confusion_plot(make_errors(5, classes), classes))


@pytest.mark.filterwarnings("error:Glyph")
def test_characters_that_the_usual_font_lacks_are_drawn_with_another(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["é", "ᴕᴤ"]  # of which the latter two are in DejaVu Serif, which comes with matplotlib
    families = font_families(names)
    assert families[0] == "DejaVu Sans"
    assert font_families(["cat", "é"]) == families[:1]
    assert capsys.readouterr().out == ""
    assert font_families(["\U0010fffd"]) == families[:1]  # for private use
    assert "no installed font has the characters \U0010fffd; they are drawn as boxes" in capsys.readouterr().out
    with rc_context({"font.family": families}):
        draw(confusion_plot(make_errors(5, names), names))
    with pytest.raises(UserWarning, match="Glyph"):
        draw(confusion_plot(make_errors(5, names), names))


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_the_confusion_plot_counts_every_error(count: int) -> None:
    figure = confusion_plot(make_errors(count, DIGITS), DIGITS)
    draw(figure)
    if count:
        assert sum(int(text.get_text()) for text in figure.axes[0].texts) == count


def test_of_many_classes_the_most_confused_are_drawn() -> None:
    names = [f"class {number}" for number in range(2000)]
    errors = make_errors(30, names[:7]) + make_errors(100, names)
    figure = confusion_plot(errors, names)
    assert figure.get_size_inches()[0] < 30
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()][:7] == names[:7]
    shown = sum(int(text.get_text()) for text in figure.axes[0].texts)
    assert 30 < shown < 130
    assert figure.axes[0].get_title() == f"130 errors, of which {shown} are shown"


def test_the_curves_mark_the_best_epoch() -> None:
    figure = curves_plot(make_history([0.3, 0.2, 0.1], [0.3, 0.1, 0.2], [0.8, 0.9, 0.85]), members=1)
    draw(figure)
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["training", "validation", "best epoch (kept)"]
    assert np.asarray(figure.axes[0].lines[2].get_xydata()).tolist() == [[2, 0.1]]
    assert np.asarray(figure.axes[1].lines[1].get_xydata()).tolist() == [[2, 90]]


def test_no_accuracy_above_one_hundred_percent_is_shown() -> None:
    axes = curves_plot(make_history([0.3, 0.2], [0.3, 0.1], [1.0, 1.0]), members=1).axes[1]
    assert axes.get_ylim()[1] == 100
    assert not any(line.get_clip_on() for line in axes.lines)  # in front of the frame
    axes = curves_plot(make_history([0.3, 0.2], [0.3, 0.1], [0.8, 0.9]), members=1).axes[1]
    assert 90 < axes.get_ylim()[1] < 100


def test_the_curves_of_a_refit_have_no_validation() -> None:
    missing = [float("nan")] * 3
    figure = curves_plot(make_history([0.3, 0.2, 0.1], missing, missing), members=2)
    draw(figure)
    assert [line.get_label() for line in figure.axes[0].lines] == ["training"]
    assert len(figure.axes) == 1
    assert figure.axes[0].get_title() == "Mean of 2 networks"


def test_the_reliability_plot_shows_accuracy_interval_and_images_per_bin_of_confidence() -> None:
    confidence, correct = [0.95, 0.95, 0.95, 0.95, 0.55, 1.0], [True, True, True, False, False, True]
    figure = reliability_plot(make_predictions(confidence, correct))
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
    figure = reliability_plot(
        [Prediction(0, "a", "a" if value > 0.5 else "b", value, 0.5) for value in np.linspace(0.05, 0.95, 10)] * 12_345
    )
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
    reliability = to_svg(reliability_plot(make_predictions([0.95, 0.95], [True, False])))
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
