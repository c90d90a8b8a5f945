"""Statistical tests: is a difference in errors, or in mean accuracy, larger than chance would explain?"""

import math
import warnings
from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import beta, binom, t, ttest_ind, ttest_ind_from_stats

from src.common.errors import UserError

POWER = 0.8
Verdict = Literal["better", "worse", "no evidence either way"]


class SeedComparison(NamedTuple):
    """The accuracies of two sets of results; within each set, only the seed differs.

    interval: confidence interval of the difference of the means; None if neither set varies.
    """

    base: list[float]
    other: list[float]
    interval: tuple[float, float] | None
    verdict: Verdict
    alpha: float


def mcnemar(fixed: int, broken: int) -> float:
    """Compute the exact two-sided p-value of McNemar's test.

    fixed, broken: numbers of images that only the first, or only the second, of two classifiers gets wrong.

    Source: McNemar, Psychometrika 12, 1947, here with the exact binomial distribution instead of the chi-squared
    approximation.
    """
    return min(1.0, 2 * float(binom.sf(max(fixed, broken) - 1, fixed + broken, 0.5)))


def smallest_detectable(differing: int, alpha: float) -> int:
    """Return the smallest net change, in images, that McNemar's test detects with 80% power.

    differing: number of images on which the two classifiers differ. If that is too few for any split to be significant,
    return the smallest number for which one can be.
    """
    differing = max(differing, math.floor(1 - math.log2(alpha)) + 1)
    needed = next(
        count for count in range(differing // 2 + 1, differing + 1) if mcnemar(count, differing - count) < alpha
    )
    fraction = float(beta.ppf(POWER, needed, differing - needed + 1))  # P(at least `needed` | fraction) = power
    return math.ceil(differing * (2 * fraction - 1))


def compare_seeds(base: Sequence[float], other: Sequence[float], alpha: float) -> SeedComparison:
    """Compare mean accuracies with Welch's t-test; raise UserError if either side has fewer than two results."""
    if min(len(base), len(other)) < 2:
        raise UserError(
            f"found {len(base)} and {len(other)} results that differ only in train.seed, but each side needs at least"
            " two; run more, for example `dvc exp run -S train.seed=1`"
        )
    if len(set(base)) == len(set(other)) == 1:  # Welch's t-test is undefined without any variance
        return SeedComparison(list(base), list(other), None, "no evidence either way", alpha)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns if the values of one side are all equal
        interval = ttest_ind(other, base, equal_var=False).confidence_interval(1 - alpha)
    low, high = float(interval.low), float(interval.high)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "no evidence either way"
    return SeedComparison(list(base), list(other), (low, high), verdict, alpha)


def welch_p_values(groups: Sequence[Sequence[float]]) -> np.ndarray:
    """Compute the p-values (G, G) of Welch's t-test for all pairs of groups, with Holm's correction for their number.

    groups: each of at least two values. If neither group of a pair varies, the test is undefined, and p is 1.

    SciPy's Games-Howell test, tukey_hsd with unequal variances, is no replacement: among nine groups of two values from
    the same distribution, it finds a difference in 12% of all cases at a significance level of 5%.
    """
    samples = np.array([(mean(group), stdev(group), len(group)) for group in groups])
    first, second = np.triu_indices(len(groups), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        uncorrected = ttest_ind_from_stats(*samples[first].T, *samples[second].T, equal_var=False).pvalue
    varies = (samples[first, 1] > 0) | (samples[second, 1] > 0)  # stdev is exact: 0 if all values are equal
    p_values = np.ones((len(groups), len(groups)))
    p_values[first, second] = p_values[second, first] = holm(np.where(varies, uncorrected, 1))
    return p_values


def mean_margin(values: Sequence[float], alpha: float) -> float:
    """Compute half the width of the confidence interval of a mean, from Student's t, for at least two values."""
    return float(t.ppf(1 - alpha / 2, len(values) - 1)) * stdev(values) / sqrt(len(values))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Correct p-values for their number, so that the chance of any false finding stays below the significance level.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    order = p_values.argsort()
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(np.minimum(1, p_values[order] * np.arange(len(p_values), 0, -1)))
    return corrected
