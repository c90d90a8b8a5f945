import numpy as np
import pytest

from src.common.errors import UserError
from tests.builders import make_report_results

CLASSES = ["cat", "dog", "bird"]


@pytest.mark.parametrize("count", [0, 7])
def test_consistent_results_pass(count: int) -> None:
    make_report_results(count, CLASSES).check()


def test_the_number_of_members_is_that_of_the_metrics() -> None:
    assert make_report_results(3, CLASSES).members == 1
    assert make_report_results(3, CLASSES, members=5).members == 5


@pytest.mark.parametrize(
    ("rows", "found"), [(slice(0, 6), "6 rows"), (slice(0, 7), "the unknown class 'dog'")], ids=["fewer rows", "class"]
)
def test_errors_must_fit_the_metrics(rows: slice, found: str) -> None:
    results = make_report_results(7, CLASSES)
    recall = {name: 0.9 for name in CLASSES if rows.stop < 7 or name != "dog"}
    metrics = results.metrics.model_copy(update={"recall": recall})
    training_data = results.training_data._replace(classes=[*recall])
    changed = results._replace(errors=results.errors[rows], metrics=metrics, training_data=training_data)
    with pytest.raises(UserError, match=rf"errors.csv has {found}, but .* 7 errors .*; run `dvc repro"):
        changed.check()


def test_suspects_of_other_data_are_rejected() -> None:
    results = make_report_results(7, CLASSES)
    changed = results._replace(training_data=results.training_data._replace(digests=np.zeros((9, 16), np.uint8)))
    with pytest.raises(UserError, match=r"suspects.csv has images that train.npz does not have; run `dvc repro train`"):
        changed.check()


def test_results_of_other_data_are_rejected() -> None:
    results = make_report_results(7, CLASSES)
    changed = results._replace(training_data=results.training_data._replace(classes=["oak", "elm"]))
    with pytest.raises(UserError, match=r"the data has the classes oak, elm, but metrics.json has cat, dog, bird; run"):
        changed.check()
