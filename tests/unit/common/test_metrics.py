import numpy as np
import pytest
from scipy.stats import binomtest

from src.common.metrics import confidence_bins, wilson_interval


@pytest.mark.parametrize(("correct", "images"), [(0, 1), (1, 1), (4, 5), (9_958, 10_000), (10_000, 10_000)])
def test_wilsons_interval_is_that_of_scipy(correct: int, images: int) -> None:
    expected = binomtest(correct, images).proportion_ci(0.95, method="wilson")
    assert wilson_interval(correct, images) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_bin_of_confidences_includes_its_upper_edge() -> None:
    assert confidence_bins(np.array([0.0, 0.1, 0.5, 0.51, 1.0]), 10).tolist() == [0, 0, 4, 5, 9]
