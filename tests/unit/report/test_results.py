import numpy as np

from src.common.sprites import split_sprite_sheet
from src.report.results import column
from tests.builders import make_report_results

CLASSES = ["cat", "dog", "bird"]


def test_mistakes_are_indices_into_the_classes() -> None:
    results = make_report_results(7, CLASSES)
    mistakes = results.mistakes()
    assert mistakes.classes.tolist() == CLASSES
    assert mistakes.classes[mistakes.actual].tolist() == [row["actual"] for row in results.errors]
    assert mistakes.classes[mistakes.predicted].tolist() == [row["predicted"] for row in results.errors]
    assert mistakes.confidence.tolist() == [float(row["confidence"]) for row in results.errors]
    assert np.array_equal(mistakes.images, split_sprite_sheet(results.error_images, 7))


def test_there_may_be_no_mistakes() -> None:
    mistakes = make_report_results(0, CLASSES).mistakes()
    assert mistakes.actual.dtype == np.int64
    assert mistakes.images.shape == (0, 1, 28, 28)


def test_the_number_of_networks_is_that_of_the_metrics() -> None:
    assert make_report_results(3, CLASSES).members == 1
    assert make_report_results(3, CLASSES, members=5).members == 5


def test_a_column_may_hold_nan() -> None:
    assert np.array_equal(column([{"a": "0.5"}, {"a": "nan"}], "a"), [0.5, np.nan], equal_nan=True)
