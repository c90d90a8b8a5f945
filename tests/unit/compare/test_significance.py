import numpy as np
import pytest
from scipy.stats import binomtest

from src.common.errors import UserError
from src.compare.significance import compare_seeds, holm, mcnemar, smallest_detectable, welch


@pytest.mark.parametrize(("fixed", "broken"), [(12, 9), (0, 0), (6, 0), (0, 5), (30, 12), (7, 7)])
def test_mcnemars_test_is_the_exact_binomial_test(fixed: int, broken: int) -> None:
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert mcnemar(fixed, broken) == pytest.approx(expected)


@pytest.mark.parametrize("differing", [6, 20, 60, 300])
def test_a_detectable_difference_is_detected_with_the_stated_power(differing: int) -> None:
    net = smallest_detectable(differing, 0.05)
    runs = 2000
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
    assert same.interval[0] < 0 < same.interval[1]
    assert compare_seeds([0.990, 0.991, 0.992], [0.995, 0.996, 0.997], 0.05).verdict == "better"
    assert compare_seeds([0.995, 0.996, 0.997], [0.990, 0.991, 0.992], 0.05).verdict == "worse"
    assert compare_seeds([0.5, 0.5], [0.75, 0.75], 0.05).interval == (0.25, 0.25)
    with pytest.raises(UserError, match=r"found 1 and 2 results that differ only in train.seed"):
        compare_seeds([0.5], [0.5, 0.6], 0.05)


def test_holms_correction_is_that_of_a_worked_example() -> None:
    # 0.01 x 4, 0.015 x 3, 0.03 x 2, and 0.04 x 1, which must not be below the one before.
    assert holm([0.03, 0.01, 0.04, 0.015]) == pytest.approx([0.06, 0.04, 0.06, 0.045])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_welchs_test_needs_variance() -> None:
    assert welch([0.5, 0.5], [0.6, 0.6, 0.6]) == 1
    assert 0 < welch([0.5, 0.5], [0.6, 0.7]) < 1
