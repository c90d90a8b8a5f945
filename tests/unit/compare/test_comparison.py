import math

import numpy as np
import pytest

from src.common.errors import UserError
from src.compare.comparison import compare
from tests.builders import make_result


def test_images_are_fixed_broken_or_wrong_in_both() -> None:
    comparison = compare(make_result("main", {1, 2, 3}), make_result("mine", {3, 4}), alpha=0.05)
    assert (comparison.fixed, comparison.broken, comparison.wrong_in_both) == ([1, 2], [4], [3])
    assert comparison.verdict == "no evidence either way"
    assert comparison.p_value == 1


def test_the_verdict_depends_on_direction_and_significance_level() -> None:
    many, few = set(range(20)), set(range(100, 103))
    assert compare(make_result("a", many), make_result("b", few), 0.05).verdict == "better"
    assert compare(make_result("a", few), make_result("b", many), 0.05).verdict == "worse"
    assert compare(make_result("a", few), make_result("b", many), 0.0001).verdict == "no evidence either way"


def test_results_on_different_test_sets_are_rejected() -> None:
    with pytest.raises(UserError, match="a and b were measured on different test sets"):
        compare(make_result("a", set()), make_result("b", set(), test_set="b"), 0.05)


def test_changed_parameters_are_listed() -> None:
    base = make_result("a", set(), {"same": 1, "changed": 1, "removed": 1})
    comparison = compare(base, make_result("b", set(), {"same": 1, "changed": 2, "added": 1}), 0.05)
    assert comparison.changed_params == ["added", "changed", "removed"]
    assert comparison.to_json()["params"]["added"] == {"base": None, "other": 1}


@pytest.mark.parametrize("differing", [0.0003, 0.003, 0.03])
def test_equally_good_classifiers_are_rarely_called_worse(differing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate pairs of classifiers that differ on a fraction of 10,000 images, with no true difference.

    Only one of two directions is worse, so half of alpha; allow three standard deviations.
    """
    monkeypatch.setattr("src.compare.comparison.smallest_detectable", lambda *_: 0)  # slow, and not part of the verdict
    runs, rate = 2000, 0.025
    rng = np.random.default_rng(0)
    verdicts = []
    for total in rng.binomial(10_000, differing, runs).tolist():
        fixed = int(rng.binomial(total, 0.5))
        base, other = make_result("a", set(range(fixed))), make_result("b", set(range(fixed, total)))
        verdicts.append(compare(base, other, 0.05).verdict)
    assert verdicts.count("worse") / runs <= rate + 3 * math.sqrt(rate * (1 - rate) / runs)
