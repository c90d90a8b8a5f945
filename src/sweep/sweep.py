"""Collect DVC's experiments into settings, each with its results over seeds, and compare each with the best."""

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from statistics import mean
from typing import Any, NamedTuple

from src.common.errors import UsageError, UserError
from src.common.text import listing
from src.compare.comparison import mean_margin, welch_p_values
from src.compare.git import Experiment, list_experiments
from src.compare.revisions import SEED, SPLIT_SEED, Result, open_repo, read_recorded, setting_of, share_network

ALPHA = 0.05
SEEDS = (SEED, SPLIT_SEED)
ACCURACY = "validation.accuracy"


class Setting(NamedTuple):
    """The values of the swept parameters, and the validation accuracy for every seed, in the order of the seeds."""

    values: tuple[Any, ...]
    accuracies: list[float]

    @property
    def mean(self) -> float:
        """The mean validation accuracy."""
        return mean(self.accuracies)

    @property
    def half_width(self) -> float | None:
        """Half the width of the confidence interval of the mean, from Student's t.

        None if there are fewer than three results, or if all are equal: for two, it would be nine times their standard
        deviation, which is meaningless; for equal results, 0.
        """
        informative = len(self.accuracies) > 2 and len({*self.accuracies}) > 1
        return mean_margin(self.accuracies, ALPHA) if informative else None


class Sweep(NamedTuple):
    """Settings, highest mean first, and the names of the parameters that vary between them.

    p_values: for each setting, the p-value of its difference from the best, corrected for the number of pairs; None for
    the best itself, and if either setting has a single result. left_out: the reasons why experiments are not counted.
    """

    swept: list[str]
    settings: list[Setting]
    p_values: list[float | None]
    left_out: list[str]


def read_sweep(patterns: Sequence[str]) -> Sweep:
    """Read the experiments whose names match any of the patterns, such as `grid-*`; without patterns, read all.

    Count only those with the same code and images as the newest. Raise UsageError for a pattern that matches nothing,
    and UserError if no experiment can be counted.
    """
    results: list[Result] = []
    left_out: dict[str, list[str]] = {}
    for experiment in _find(patterns):
        try:
            result = _without_evaluation(read_recorded(experiment.ref))
        except UserError as error:
            left_out[str(error).replace(experiment.ref, experiment.name)] = []
            continue
        if ACCURACY not in result.metrics:
            reason = "no validation accuracy, as after a refit"
        elif results and result.inputs != results[0].inputs:
            reason = "run with code or images that differ from the newest experiment's"
        elif any(_repeats(result, other) for other in results):
            reason = "same training as an experiment that is counted"
        else:
            results.append(result)
            continue
        left_out.setdefault(reason, []).append(experiment.name)
    reasons = [f"{', '.join(sorted(names))}: {reason}" if names else reason for reason, names in left_out.items()]
    if not results:
        raise UserError(listing("no experiment has a result that can be counted", reasons))
    return compare_settings(results, reasons)


def compare_settings(results: Sequence[Result], left_out: list[str]) -> Sweep:
    """Group results by the parameters that vary, other than seeds, and compare every setting with the best."""
    keys = sorted(set().union(*(result.params for result in results)) - {*SEEDS})
    swept = [key for key in keys if len({_hashable(result.params.get(key)) for result in results}) > 1]
    groups: dict[Any, list[Result]] = {}
    for result in sorted(results, key=lambda result: (result.params.get(SPLIT_SEED, 0), result.params.get(SEED, 0))):
        groups.setdefault(tuple(_hashable(result.params.get(key)) for key in swept), []).append(result)
    settings = [
        Setting(tuple(group[0].params.get(key) for key in swept), [result.metrics[ACCURACY] for result in group])
        for group in groups.values()
    ]
    settings.sort(key=lambda setting: (-setting.mean, sort_key(setting)))
    return Sweep(swept, settings, _compare_with_best(settings), left_out)


def _compare_with_best(settings: list[Setting]) -> list[float | None]:
    """Compute the p-values of a sweep.

    They are corrected for all pairs of settings, not only for the pairs with the best, because which setting is the
    best is known only after looking at all.
    """
    p_values: list[float | None] = [None] * len(settings)
    tested = [index for index, setting in enumerate(settings) if len(setting.accuracies) > 1]
    if 0 in tested:  # the best
        against_best = welch_p_values([settings[index].accuracies for index in tested])[0]
        for index, p_value in zip(tested[1:], against_best[1:].tolist(), strict=True):
            p_values[index] = p_value
    return p_values


def sort_key(setting: Setting) -> Any:
    """Return a key that orders settings by the values of their parameters; all numbers are ordered together."""
    return [
        ("number" if isinstance(value, int | float) else type(value).__name__, _hashable(value))
        for value in setting.values
    ]


def count_unfinished() -> dict[str, int]:
    """Count, by state, the experiments in DVC's queue that have no result, as listed by `dvc queue status`."""
    with open_repo() as repo:
        states = Counter(entry["status"] for entry in repo.experiments.celery_queue.status())
    return {state: states[state.capitalize()] for state in ("queued", "running", "failed")}


def _find(patterns: Sequence[str]) -> list[Experiment]:
    experiments = list_experiments()
    if not experiments:
        raise UserError("there are no experiments here; run some, for example `dvc exp run -S train.seed=1`")
    if not patterns:
        return experiments
    for pattern in patterns:
        if not any(fnmatchcase(experiment.name, pattern) for experiment in experiments):
            raise UsageError(f"{pattern}: no experiment has a matching name; see `dvc exp list -A`")
    return [each for each in experiments if any(fnmatchcase(each.name, pattern) for pattern in patterns)]


def _repeats(result: Result, other: Result) -> bool:
    return setting_of(result, SEEDS) == setting_of(other, SEEDS) and share_network(result, other)


def _without_evaluation(result: Result) -> Result:
    """Leave out the parameters that cannot change the validation accuracy."""
    params = {key: value for key, value in result.params.items() if not key.startswith("evaluate.")}
    return result._replace(params=params)


def _hashable(value: Any) -> Any:
    """Turn lists, such as model.conv_channels, into tuples."""
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
