import numpy as np
import pytest

from src.common.errors import UserError
from src.common.metrics import Metrics
from src.common.sprites import split_sprite_sheet
from src.report.results import Environment, column
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


@pytest.mark.parametrize(
    ("rows", "found"), [(slice(0, 6), "6 rows"), (slice(0, 7), "unknown class 'dog'")], ids=["fewer rows", "class"]
)
def test_errors_must_fit_the_metrics(rows: slice, found: str) -> None:
    results = make_report_results(7, CLASSES)
    recall = {name: 0.9 for name in CLASSES if rows.stop < 7 or name != "dog"}
    changed = results._replace(errors=results.errors[rows], metrics={**results.metrics, "recall": recall})
    with pytest.raises(UserError, match=rf"errors.csv has {found}, but .* 7 errors .*; run `dvc repro"):
        changed.mistakes()


@pytest.mark.parametrize("members", [1, 3])
def test_the_metrics_and_the_environment_of_a_run_are_accepted(members: int) -> None:
    results = make_report_results(0, CLASSES, members)
    Metrics.model_validate(results.metrics, strict=True)
    Environment.model_validate(results.environment, strict=True)
    for key in results.metrics:
        with pytest.raises(ValueError, match=key):
            Metrics.model_validate({**results.metrics, key: None} if key != "members" else {key: {}}, strict=True)
