import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from src.markdown import comparison_markdown, confusion_markdown, curves_markdown, seeds_markdown

from src.compare import Mistake, Result, compare, compare_seeds, mcnemar, smallest_detectable


def result(name: str, wrong: set[int], params: dict[str, Any] | None = None, test_set: str = "a") -> Result:
    mistakes = {index: Mistake("4", "9", 0.9) for index in wrong}
    metrics = {"evaluate.accuracy": 1 - len(wrong) / 1000, "evaluate.images": 1000}
    return Result(name, params or {}, metrics, mistakes, test_set, code={})


def test_images_are_told_apart() -> None:
    made = compare(result("main", {1, 2, 3}), result("mine", {3, 4}), alpha=0.05)
    assert (made.fixed, made.broken, made.wrong_in_both) == ([1, 2], [4], [3])
    assert made.verdict == "no evidence either way"
    assert made.p_value == 1


def test_verdicts() -> None:
    many, few = set(range(20)), set(range(100, 103))
    assert compare(result("a", many), result("b", few), 0.05).verdict == "better"
    assert compare(result("a", few), result("b", many), 0.05).verdict == "worse"
    assert compare(result("a", few), result("b", many), 0.0001).verdict == "no evidence either way"


def test_different_test_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="a and b were measured on different test sets"):
        compare(result("a", set()), result("b", set(), test_set="b"), 0.05)


@pytest.mark.parametrize(("fixed", "broken"), [(12, 9), (0, 0), (6, 0), (0, 5), (30, 12), (7, 7)])
def test_the_test_is_the_exact_binomial_one(fixed: int, broken: int) -> None:
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert mcnemar(fixed, broken) == pytest.approx(expected)


def verdicts(differing: float, runs: int) -> list[str]:
    """Verdicts on simulated pairs of equally good classifiers that differ on such a share of 10,000 images."""
    rng = np.random.default_rng(0)
    made: list[str] = []
    for total in rng.binomial(10_000, differing, runs).tolist():
        fixed = int(rng.binomial(total, 0.5))
        sides = result("a", set(range(fixed))), result("b", set(range(fixed, total)))
        made.append(compare(*sides, 0.05).verdict)
    return made


@pytest.mark.parametrize("differing", [0.0003, 0.003, 0.03])
def test_with_no_true_difference_the_gate_closes_at_most_at_its_rate(differing: float) -> None:
    """Worse is one of the two directions, so half of alpha; three standard deviations of leeway."""
    runs, rate = 2000, 0.025
    closed = verdicts(differing, runs).count("worse") / runs
    assert closed <= rate + 3 * math.sqrt(rate * (1 - rate) / runs)


@pytest.mark.parametrize("differing", [6, 20, 60, 300])
def test_a_detectable_difference_is_found_as_often_as_stated(differing: int) -> None:
    net = smallest_detectable(differing, 0.05)
    runs = 2000
    for change, most in ((net, 1.0), (net - 2, 0.8)):
        broken = np.random.default_rng(1).binomial(differing, (1 + change / differing) / 2, runs)
        found = np.mean([mcnemar(differing - count, count) < 0.05 for count in broken.tolist()])
        assert found <= most + 0.03
        if change == net:
            assert found >= 0.8 - 0.03


def test_too_few_images_to_tell_are_counted_up() -> None:
    assert smallest_detectable(0, 0.05) == smallest_detectable(6, 0.05) == 6


def test_seeds() -> None:
    same = compare_seeds([0.990, 0.992, 0.991], [0.991, 0.992, 0.990], 0.05)
    assert same.verdict == "no evidence either way"
    assert same.interval[0] < 0 < same.interval[1]
    assert compare_seeds([0.990, 0.991, 0.992], [0.995, 0.996, 0.997], 0.05).verdict == "better"
    assert compare_seeds([0.995, 0.996, 0.997], [0.990, 0.991, 0.992], 0.05).verdict == "worse"
    assert compare_seeds([0.5, 0.5], [0.75, 0.75], 0.05).interval == (0.25, 0.25)
    with pytest.raises(ValueError, match=r"1 and 2 results that differ in train.seed alone"):
        compare_seeds([0.5], [0.5, 0.6], 0.05)


def test_plots_as_markdown() -> None:
    epochs = [{"epoch": str(epoch), "train_loss": "0.25", "validation_loss": "0.125"} for epoch in (1, 2)]
    chart = curves_markdown(epochs)
    assert "x-axis epoch [1, 2]" in chart
    assert chart.count("line [") == 2
    refit = curves_markdown([{**epoch, "validation_loss": "nan"} for epoch in epochs])
    assert "validation" not in refit
    assert refit.count("line [") == 1
    table = confusion_markdown([("4", "9"), ("4", "9"), ("7", "1")])
    assert table.splitlines() == [
        "| true \\ taken for | 1 | 9 |",
        "| --- | --- | --- |",
        "| 4 |  | 2 |",
        "| 7 | 1 |  |",
    ]
    assert "No mistakes." in confusion_markdown([])


def test_markdown_says_what_it_means() -> None:
    base = result("main", set(range(30)), {"model.dropout": 0.25, "train.seed": 0})
    other = result("a|b", set(range(12, 39)), {"model.dropout": 0.3, "train.seed": 0})
    text = comparison_markdown(compare(base, other, 0.05))
    assert "## a|b against main: no evidence either way" in text
    assert "12 fixed, 9 broken: p = 0.66, within noise" in text
    assert "18 wrong in both, of 1,000 test images" in text
    assert "| model.dropout | 0.25 | 0.3 |" in text
    assert "train.seed" not in text
    assert "| evaluate.accuracy | 0.97 | 0.973 | +0.003 |" in text
    assert "| metric | main | a\\|b | change |" in text
    assert "Fixed test images (label, taken for): 0 (4, 9), 1 (4, 9)" in text
    seeds = seeds_markdown("main", "mine", compare_seeds([0.990, 0.991], [0.995, 0.996], 0.05))
    assert "Difference of the mean accuracies: +0.500 percentage points, 95% interval" in seeds
    assert "| main | 2 | 99.050% | 0.071 |" in seeds
