from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from src.common.errors import UsageError, UserError
from src.compare.git import Experiment
from src.compare.revisions import Result
from src.sweep.markdown import sweep_markdown
from src.sweep.plot import sweep_plot
from src.sweep.sweep import Setting, Sweep, compare_settings, read_sweep, sort_key
from tests.builders import make_result


def make_experiment(accuracy: float | None, test_set: Sequence[int] = range(2), **params: Any) -> Result:
    """The result of an experiment whose parameters differ from the defaults in these of the train section."""
    values = {"train.seed": 0, "split.seed": 0} | {f"train.{key}": value for key, value in params.items()}
    metrics = {} if accuracy is None else {"validation.accuracy": accuracy}
    return make_result("name", set(), values, test_set)._replace(metrics=metrics)


def with_split(result: Result, seed: int, md5: str) -> Result:
    """The result with another split.seed, and this hash of the split."""
    return result._replace(params=dict(result.params) | {"split.seed": seed}, split_md5=md5)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that reads a sweep of these experiments, newest first, named a, b and so on."""

    def read(experiments: list[Result | UserError], *patterns: str) -> Sweep:
        named = dict(zip((f"refs/exps/01/23/{letter}" for letter in "abcdefghij"), experiments, strict=False))

        def read_recorded(ref: str) -> Result:
            if isinstance(named[ref], UserError):
                raise UserError(f"{ref} has no data/train/metrics.json")
            return named[ref]  # type: ignore[return-value]

        listed = [Experiment(ref, ref.split("/")[-1], "0123") for ref in named]
        monkeypatch.setattr("src.sweep.sweep.list_experiments", lambda: listed)
        monkeypatch.setattr("src.sweep.sweep.read_recorded", read_recorded)
        return read_sweep(patterns)

    return read


def sweep_of(accuracies: dict[Any, list[float]]) -> Sweep:
    """A sweep of train.x with these values and their accuracies over seeds."""
    results = [
        make_experiment(accuracy, x=value, seed=seed)
        for value, found in accuracies.items()
        for seed, accuracy in enumerate(found)
    ]
    return compare_settings(results, [])


def test_values_of_any_type_have_an_order() -> None:
    values = [128, 0.5, "auto", [[16], [32]], None, [[8]]]
    settings = sorted((Setting((value,), [0.9]) for value in values), key=sort_key)
    assert [setting.values[0] for setting in settings] == [None, [[8]], [[16], [32]], 0.5, 128, "auto"]


def test_settings_are_ordered_by_mean_and_tested_against_the_best() -> None:
    low, middle, high = [0.90, 0.92, 0.91], [0.95, 0.951, 0.952], [0.96, 0.97, 0.98]
    sweep = sweep_of({0.5: low, 0: high, 0.25: middle})
    assert sweep.swept == ["train.x"]
    assert [setting.values for setting in sweep.settings] == [(0,), (0.25,), (0.5,)]
    raw = [ttest_ind(high, other, equal_var=False).pvalue for other in (middle, low)]
    # Holm: of the p-values in ascending order, middle-low is the second, so that of high-middle is multiplied by 1.
    assert raw[1] < ttest_ind(middle, low, equal_var=False).pvalue < raw[0]
    assert sweep.p_values == [None, pytest.approx(raw[0]), pytest.approx(3 * raw[1])]
    low_bound, high_bound = ttest_rel(high, [0, 0, 0]).confidence_interval(0.95)
    assert sweep.settings[0].half_width == pytest.approx((high_bound - low_bound) / 2)
    text = sweep_markdown(sweep, {"queued": 2, "failed": 1})
    assert "## Highest mean validation accuracy: train.x = 0\n" in text
    assert "Significantly better than 1 of the 2 other settings: Welch's t-test at alpha = 0.05" in text
    assert "| 0.5 | 3 | 91.000% | ± 2.484 | -6.000 | 0.0055 |" in text
    assert text.endswith("Not counted: 2 queued and 1 failed in DVC's queue; see `dvc queue status`.")


def test_few_seeds_have_no_interval_and_single_ones_no_p_value() -> None:
    sweep = sweep_of({1: [0.9, 0.91], 2: [0.95], 3: [0.8, 0.81, 0.82]})
    assert [setting.half_width is None for setting in sweep.settings] == [True, True, False]
    assert sweep.p_values == [None, None, None]
    text = sweep_markdown(sweep, {})
    assert "No test is possible" in text
    assert "| 2 | 1 | 95.000% | none |  |  |" in text
    assert "| 1 | 2 | 90.500% | none | -4.500 | none |" in text
    sweep_plot(sweep)
    verdict = "Significantly better than 1 of the 2 other settings"
    assert verdict in sweep_markdown(sweep_of({1: [0.9, 0.901], 2: [0.8], 3: [0.5, 0.501]}), {})


def test_equal_accuracies_are_no_evidence() -> None:
    sweep = sweep_of({1: [0.9, 0.9, 0.9], 2: [0.8, 0.8, 0.8]})
    assert sweep.p_values[1] == 1
    assert sweep.settings[0].half_width is None
    assert "Not significantly better than any other setting" in sweep_markdown(sweep, {})


def test_settings_that_share_the_highest_mean_are_counted() -> None:
    heading = "## Highest mean validation accuracy: train.x = 1 (and 1 other setting with the same mean)"
    assert heading in sweep_markdown(sweep_of({1: [0.9, 0.8], 2: [0.8, 0.9], 3: [0.5]}), {})


def test_no_accuracy_above_100_percent_is_drawn() -> None:
    figure = sweep_plot(sweep_of({1: [0.999, 0.97, 0.999], 2: [0.9, 0.9, 0.9]}))
    assert figure.axes[0].get_xlim()[1] < 100.5


def test_a_single_setting_has_nothing_to_compare_with() -> None:
    sweep = compare_settings([make_experiment(0.9, seed=seed) for seed in range(3)], [])
    assert (sweep.swept, sweep.p_values) == ([], [None])
    text = sweep_markdown(sweep, {})
    assert "## Highest mean validation accuracy: the only setting\n\nThere is only one setting" in text
    sweep_plot(sweep)


def test_settings_are_combinations_and_both_seeds_are_seeds() -> None:
    layers = [[[16], [32]], [[8], [16]]]
    results = [
        make_experiment(0.9 + seed / 100, layers=value, rate=rate, seed=seed)
        for value in layers
        for rate in (0.01, 1e-3)
        for seed in (0, 1)
    ]
    results += [
        result._replace(params=dict(result.params) | {"split.seed": 1, "train.layers": layers[0], "train.rate": 0.01})
        for result in results[:2]
    ]
    sweep = compare_settings(results, [])
    assert sweep.swept == ["train.layers", "train.rate"]
    assert [(len(setting.accuracies), setting.values) for setting in sweep.settings] == [
        (2, ([[8], [16]], 0.001)), (2, ([[8], [16]], 0.01)), (2, ([[16], [32]], 0.001)), (4, ([[16], [32]], 0.01)),
    ]  # fmt: skip
    assert compare_settings(results[::-1], []) == sweep  # the seeds are in order, too
    labels = [label.get_text() for label in sweep_plot(sweep).axes[0].get_yticklabels()]
    assert labels[0] == "[[8], [16]] · 0.001"
    assert "| [[8], [16]] | 0.001 | 2 |" in sweep_markdown(sweep, {})


def test_a_split_seed_counts_only_if_it_changes_the_split(read: Any) -> None:
    same = [with_split(make_experiment(0.9, seed=seed), split, "same") for seed in (0, 1) for split in (0, 1)]
    sweep = read(same)
    assert [setting.accuracies for setting in sweep.settings] == [[0.9, 0.9]]
    assert sweep.left_out == ["b, d: same training as an experiment that is counted"]
    different = [with_split(result, split, f"{split}") for result, split in zip(same, (0, 1, 0, 1), strict=True)]
    assert len(read(different).settings[0].accuracies) == 4


def test_what_cannot_be_counted_is_named_with_the_reason(read: Any) -> None:
    sweep = read(
        [
            make_experiment(0.9, x=1),
            make_experiment(0.8, x=2, members=3),
            make_experiment(0.7, x=2, members=3, seed=2),  # shares a network with the one before
            make_experiment(0.9, x=1.0),
            make_experiment(None, x=3),
            make_experiment(0.9, test_set=range(3)),
            UserError(),
        ]
    )
    assert [setting.accuracies for setting in sweep.settings] == [[0.9], [0.8]]
    assert sweep.left_out == [
        "c, d: same training as an experiment that is counted",
        "e: no validation accuracy, as after a refit",
        "f: run with code or images that differ from the newest experiment's",
        "g has no data/train/metrics.json",
    ]
    assert "Not counted: e: no validation accuracy, as after a refit." in sweep_markdown(sweep, {})


def test_experiments_are_selected_by_name(read: Any) -> None:
    experiments = [make_experiment(0.9, x=1), make_experiment(0.8, x=2), make_experiment(0.7, x=3)]
    assert [setting.values for setting in read(experiments, "a", "[cd]").settings] == [(1,), (3,)]
    with pytest.raises(UsageError, match="z: no experiment has a matching name"):
        read(experiments, "a", "z")


def test_without_results_the_error_says_why(read: Any) -> None:
    with pytest.raises(UserError, match="there are no experiments here"):
        read([])
    with pytest.raises(UserError, match="no experiment has a result that can be counted\n  a: no validation accuracy"):
        read([make_experiment(None)])


def test_the_rows_of_the_picture_neither_overlap_nor_hide_equal_seeds() -> None:
    values = [[32, 32], [64, 64], [128]]
    sweep = sweep_of({index: [0.9, 0.9, 0.9] for index in range(20)})
    figure = sweep_plot(sweep._replace(settings=[s._replace(values=(values, s.values[0])) for s in sweep.settings]))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert min(box.x0 for box in boxes) > 0
    assert len(np.unique(axes.lines[0].get_ydata())) == 3


def test_parameters_of_the_evaluation_are_not_swept(read: Any) -> None:
    first, second = make_experiment(0.9, x=1), make_experiment(0.8, x=2)
    shifted = first._replace(params={**first.params, "evaluate.shift": 1})
    sweep = read([first, shifted, second])
    assert (sweep.swept, sweep.left_out) == (["train.x"], ["b: same training as an experiment that is counted"])
