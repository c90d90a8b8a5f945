import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_ind

from src.common.errors import UserError
from src.compare.comparison import compare, compare_seeds, holm, mcnemar, smallest_detectable, welch_p_values
from src.compare.markdown import comparison_markdown
from tests.builders import make_result
from tools.compare import missing_metrics


def test_images_are_fixed_broken_or_errors_in_both() -> None:
    comparison = compare(make_result("main", {1, 2, 3}), make_result("mine", {3, 4}), alpha=0.05)
    assert (comparison.fixed, comparison.broken, comparison.errors_in_both) == ([1, 2], [4], [3])
    assert comparison.verdict == "no evidence either way"
    assert comparison.p_value == 1


def test_the_verdict_depends_on_direction_and_significance_level() -> None:
    many, few = set(range(20)), set(range(100, 103))
    assert compare(make_result("a", many), make_result("b", few), 0.05).verdict == "better"
    assert compare(make_result("a", few), make_result("b", many), 0.05).verdict == "worse"
    assert compare(make_result("a", few), make_result("b", many), 0.0001).verdict == "no evidence either way"


def test_test_sets_that_differ_are_compared_on_the_images_that_both_have() -> None:
    base = make_result("a", {0, 1, 3}, test_set=[10, 11, 12, 13, 14])
    other = make_result("b", {0, 2, 4}, test_set=[13, 15, 10, 11, 16])
    comparison = compare(base, other, 0.05)
    assert (comparison.images, comparison.added, comparison.removed) == (3, 2, 2)
    assert comparison.fixed == [1]  # of the base, digest 11
    assert comparison.broken == []
    assert comparison.errors_in_both == [0, 2]  # of the other, digests 13 and 10
    assert comparison.accuracies == pytest.approx((0, 1 / 3))


def test_relabelled_images_are_judged_by_the_newer_label_on_both_sides() -> None:
    # Predicts 9, 9, 4 and 4, and knows 7 and 9.
    base = make_result("a", {0, 1}, test_set=[10, 11, 12, 13, 14, 15], labels={4: "7", 5: "9"})
    other = make_result("b", {2}, test_set=[10, 11, 12, 13], labels={0: "9", 2: "7", 3: "7"})  # and this 9, 4, 9 and 7
    comparison = compare(base, other, 0.05)
    assert comparison.relabelled == 3
    assert (comparison.fixed, comparison.broken, comparison.errors_in_both) == ([1, 3], [], [2])


def test_a_renamed_class_changes_no_verdict() -> None:
    others = {8: "7", 9: "7"}
    base = make_result("a", {0, 1, 9}, test_set=range(10), labels=others)
    names = dict.fromkeys(range(7), "four") | others  # one of the fours is relabelled, too
    other = make_result("b", {0, 9}, test_set=range(10), labels=names | {7: "7"})
    comparison = compare(base, other, 0.05)
    assert (comparison.renamed, comparison.dropped, comparison.relabelled) == ({"4": "four"}, [], 1)
    assert (comparison.fixed, comparison.broken, comparison.errors_in_both) == ([1, 7], [], [0, 9])
    assert missing_metrics(comparison) == []
    kept = make_result("b", set(), test_set=range(8))
    assert compare(base, kept, 0.05).dropped == ["7"]
    text = comparison_markdown(compare(base, other, 0.05))
    assert "Classes renamed or merged: 4 → four." in text
    text = comparison_markdown(compare(base, kept, 0.05))
    assert "The tasks differ, because only a has these classes: 7." in text


@pytest.mark.parametrize(("new", "renamed"), [("7", {"4": "7"}), ("ab", {"4": "ab", "7": "ab"})])
def test_merged_classes_change_no_verdict(new: str, renamed: dict[str, str]) -> None:
    base = make_result("a", set(), test_set=range(20), labels=dict.fromkeys(range(10), "7"))
    other = make_result("b", set(), test_set=range(20), labels=dict.fromkeys(range(20), new))
    comparison = compare(base, other, 0.05)
    assert comparison.renamed == renamed
    assert (comparison.fixed, comparison.broken, comparison.relabelled) == ([], [], 0)


def test_a_class_that_is_split_is_not_renamed() -> None:
    base = make_result("a", set(), test_set=range(10))
    halves = {index: "41" if index < 5 else "42" for index in range(10)}
    with pytest.raises(UserError, match="a and b have no class in common"):
        compare(base, make_result("b", set(), test_set=range(10), labels=halves), 0.05)


def test_images_of_a_class_that_is_new_are_not_compared() -> None:
    """The base could not be right on them, so a worse network would seem better."""
    base = make_result("a", set(), test_set=range(40), labels=dict.fromkeys(range(20, 40), "7"))
    labels = dict.fromkeys(range(15), "new") | dict.fromkeys(range(20, 40), "7")
    comparison = compare(base, make_result("b", {1, *range(20, 30)}, test_set=range(40), labels=labels), 0.05)
    assert (comparison.verdict, comparison.fixed, comparison.broken) == ("worse", [], [*range(20, 30)])
    assert (comparison.images, comparison.new, comparison.renamed, comparison.dropped) == (25, 15, {}, [])
    text = comparison_markdown(comparison)
    assert (
        "15 relabelled. The comparison covers the 25 images that both have and whose classes a knows (15 others left"
        " out), with the labels of b" in text
    )


def test_a_picture_that_occurs_more_than_once_counts_once() -> None:
    base = make_result("a", {1}, test_set=[10, 11, 11])
    comparison = compare(base, make_result("b", set(), test_set=[11, 11, 10]), 0.05)
    assert (comparison.images, comparison.added, comparison.removed, comparison.fixed) == (2, 0, 0, [1])


def test_results_without_a_common_image_are_rejected() -> None:
    with pytest.raises(UserError, match="a and b have no test image in common"):
        compare(make_result("a", set()), make_result("b", set(), test_set=range(1000, 1010)), 0.05)


def test_changed_parameters_are_listed() -> None:
    base = make_result("a", set(), {"same": 1, "changed": 1, "removed": 1})
    comparison = compare(base, make_result("b", set(), {"same": 1, "changed": 2, "added": 1}), 0.05)
    assert comparison.changed_params == ["added", "changed", "removed"]
    assert comparison.to_json()["params"]["added"] == {"base": None, "other": 1}


@pytest.mark.parametrize("differing", [0.0003, 0.003, 0.03])
def test_equally_good_classifiers_rarely_differ(differing: float) -> None:
    """Simulate pairs of classifiers that differ on a fraction of 10,000 images, with no true difference.

    Only one of two directions is worse, so half of alpha; allow three standard deviations.
    """
    runs, rate = 5000, 0.025
    rng = np.random.default_rng(0)
    worse = 0
    for total in rng.binomial(10_000, differing, runs).tolist():
        fixed = int(rng.binomial(total, 0.5))
        worse += mcnemar(fixed, total - fixed) < 0.05 and fixed < total - fixed
    assert worse / runs <= rate + 3 * math.sqrt(rate * (1 - rate) / runs)


@pytest.mark.parametrize(("fixed", "broken"), [(12, 9), (0, 0), (6, 0), (0, 5), (30, 12), (7, 7)])
def test_mcnemars_test_is_the_exact_binomial_test(fixed: int, broken: int) -> None:
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert mcnemar(fixed, broken) == pytest.approx(expected)


@pytest.mark.parametrize("differing", [6, 20, 60, 300])
def test_a_detectable_difference_is_detected_with_the_stated_power(differing: int) -> None:
    net = smallest_detectable(differing, 0.05)
    runs = 1000
    for change, highest in ((net, 1.0), (net - 2, 0.8)):
        broken = np.random.default_rng(1).binomial(differing, (1 + change / differing) / 2, runs)
        detected = np.mean([mcnemar(differing - count, count) < 0.05 for count in broken.tolist()])
        assert detected <= highest + 0.03
        if change == net:
            assert detected >= 0.8 - 0.03


def test_too_few_differing_images_give_the_smallest_number_that_can_be_significant() -> None:
    assert smallest_detectable(0, 0.05) == smallest_detectable(6, 0.05) == 6


def test_mean_accuracies_over_seeds_are_compared() -> None:
    same = compare_seeds([0.990, 0.992, 0.991], [0.991, 0.992, 0.990], 0.05)
    assert same.verdict == "no evidence either way"
    assert same.interval is not None
    assert same.interval[0] < 0 < same.interval[1]
    assert compare_seeds([0.990, 0.991, 0.992], [0.995, 0.996, 0.997], 0.05).verdict == "better"
    assert compare_seeds([0.995, 0.996, 0.997], [0.990, 0.991, 0.992], 0.05).verdict == "worse"
    with pytest.raises(UserError, match=r"found 1 and 2 results that differ only in train.seed"):
        compare_seeds([0.5], [0.5, 0.6], 0.05)


def test_holms_correction_is_that_of_a_worked_example() -> None:
    # 0.01 x 4, 0.015 x 3, 0.03 x 2, and 0.04 x 1, which must not be below the one before.
    assert holm(np.array([0.03, 0.01, 0.04, 0.015])).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.045])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def test_welchs_test_is_that_of_scipy() -> None:
    groups = [[0.5, 0.55], [0.6, 0.7, 0.62], [0.9, 0.92]]
    p_values = welch_p_values(groups)
    raw = [ttest_ind(groups[i], groups[j], equal_var=False).pvalue for i, j in ((0, 1), (0, 2), (1, 2))]
    assert p_values[[0, 0, 1], [1, 2, 2]].tolist() == pytest.approx(holm(np.array(raw)).tolist())
    assert (p_values == p_values.T).all()
    assert p_values.diagonal().tolist() == [1, 1, 1]
    assert welch_p_values([[0.5, 0.6]]).tolist() == [[1]]


@pytest.mark.parametrize(
    ("base", "other", "verdict"),
    [
        ([0.9, 0.9], [0.95, 0.95], "no evidence either way"),
        ([0.95, 0.95], [0.9, 0.9], "no evidence either way"),
        ([0.7, 0.7, 0.7], [0.95, 0.95, 0.95], "no evidence either way"),  # NumPy's variance of these is not zero
        ([0.9, 0.9], [0.9, 0.9], "no evidence either way"),
        ([0.9, 0.9], [0.95, 0.951], "better"),
        ([0.95, 0.951, 0.952], [0.9, 0.9, 0.9], "worse"),
        ([0.9, 0.91], [0.9, 0.92], "no evidence either way"),
    ],
)
def test_seeds_and_sweeps_agree_and_need_variance(base: list[float], other: list[float], verdict: str) -> None:
    comparison = compare_seeds(base, other, 0.05)
    p_value = welch_p_values([base, other])[0, 1]
    assert comparison.verdict == verdict
    assert (p_value < 0.05) == (verdict != "no evidence either way")
    varies = len({*base}) > 1 or len({*other}) > 1
    assert (comparison.interval is None, p_value == 1) == (not varies, not varies)


@pytest.mark.parametrize(
    ("sizes", "deviations"), [([2] * 9, [1] * 9), ([3] * 9, [1, 2, 4] * 3), ([3, 4, 5], [1, 2, 4])]
)
def test_equally_good_settings_rarely_differ(sizes: list[int], deviations: list[float]) -> None:
    """Simulate sweeps whose settings have the same mean; allow three standard deviations.

    Games-Howell fails this test: it finds a difference in about 12%, 11% and 5% of the sweeps.
    """
    runs, alpha = 500, 0.05
    rng = np.random.default_rng(0)
    values = [
        rng.normal(0, deviation, (runs, size)).tolist() for size, deviation in zip(sizes, deviations, strict=True)
    ]
    found = sum(bool((welch_p_values(groups) < alpha).any()) for groups in zip(*values, strict=True))
    assert found / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)
