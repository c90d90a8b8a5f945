import math

import pytest

from src.train.history import EpochMetrics, best_epoch, is_out_of_patience, mean_history


def make_history(*validation_losses: float) -> list[EpochMetrics]:
    return [
        EpochMetrics(number, 100, 1.0, loss, 0.5, 0.1, 1.0) for number, loss in enumerate(validation_losses, start=1)
    ]


def test_the_first_of_equally_good_epochs_is_the_best() -> None:
    assert best_epoch(make_history(0.3, 0.2, 0.2)).epoch == 2


def test_without_validation_the_last_epoch_is_the_best() -> None:
    assert best_epoch(make_history(math.nan, math.nan)).epoch == 2


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ((), 1, False),
        ((0.3, 0.2), 1, False),
        ((0.2, 0.3), 1, True),
        ((0.2, 0.3), 2, False),
        ((0.2, 0.3, 0.2), 2, True),
        ((0.2, 0.3, 0.1), 2, False),
        ((0.2, 0.3, 0.4, 0.5), 0, False),
        ((math.nan, math.nan), 1, False),
    ],
)
def test_patience_counts_the_epochs_since_the_best(losses: tuple[float, ...], patience: int, expected: bool) -> None:
    assert is_out_of_patience(make_history(*losses), patience) is expected


def test_the_mean_history_covers_the_epochs_that_all_members_completed() -> None:
    long = [EpochMetrics(1, 100, 4.0, 2.0, 0.5, 0.1, 1.0), EpochMetrics(2, 60, 2.0, 1.0, 0.75, 0.1, 1.0)]
    short = [EpochMetrics(1, 50, 2.0, 4.0, 0.25, 0.1, 1.0)]
    assert mean_history([long, short]) == [EpochMetrics(1, 75, 3.0, 3.0, 0.375, 0.1, 1.0)]
    assert mean_history([long]) == long
