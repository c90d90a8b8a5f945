"""Two results on the same test images in, what differs and whether it is more than chance out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from scipy.stats import beta, binom, ttest_ind

POWER = 0.8
Verdict = Literal["better", "worse", "no evidence either way"]


class Mistake(NamedTuple):
    """A wrongly predicted test image."""

    actual: str
    predicted: str
    confidence: float


class Result(NamedTuple):
    """What one revision says of itself: dotted parameters and metrics, mistakes by test image, test set and code."""

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    mistakes: Mapping[int, Mistake]
    test_set: str
    code: Mapping[str, str]


class Comparison(NamedTuple):
    """Images are indices into the test set; detectable and images are numbers of them."""

    base: Result
    other: Result
    fixed: list[int]
    broken: list[int]
    wrong_in_both: list[int]
    images: int
    p_value: float
    verdict: Verdict
    detectable: int
    alpha: float

    @property
    def changed_params(self) -> list[str]:
        """The parameters that differ, in the order of the alphabet."""
        keys = sorted(self.base.params.keys() | self.other.params.keys())
        return [key for key in keys if self.base.params.get(key) != self.other.params.get(key)]

    def summary(self) -> dict[str, Any]:
        """What differs and what it means, for JSON."""
        sides = {"base": self.base, "other": self.other}
        params = {key: {side: result.params.get(key) for side, result in sides.items()} for key in self.changed_params}
        return {
            "verdict": self.verdict,
            "p_value": self.p_value,
            "alpha": self.alpha,
            "images": self.images,
            "fixed": self.fixed,
            "broken": self.broken,
            "wrong_in_both": self.wrong_in_both,
            "smallest_detectable": self.detectable,
            "revisions": {side: result.name for side, result in sides.items()},
            "metrics": {side: dict(result.metrics) for side, result in sides.items()},
            "params": params,
        }


class SeedComparison(NamedTuple):
    """Accuracies of two sets of results that differ in their seeds alone; interval: of the difference of the means."""

    base: list[float]
    other: list[float]
    interval: tuple[float, float]
    verdict: Verdict
    alpha: float


def compare(base: Result, other: Result, alpha: float) -> Comparison:
    """Compare image by image; ValueError when the two were not measured on the same test images."""
    if base.test_set != other.test_set:
        raise ValueError(f"{base.name} and {other.name} were measured on different test sets: nothing to compare")
    fixed = sorted(base.mistakes.keys() - other.mistakes.keys())
    broken = sorted(other.mistakes.keys() - base.mistakes.keys())
    p_value = mcnemar(len(fixed), len(broken))
    direction: Verdict = "better" if len(fixed) > len(broken) else "worse"
    return Comparison(
        base,
        other,
        fixed,
        broken,
        wrong_in_both=sorted(base.mistakes.keys() & other.mistakes.keys()),
        images=int(other.metrics["evaluate.images"]),
        p_value=p_value,
        verdict=direction if p_value < alpha else "no evidence either way",
        detectable=smallest_detectable(len(fixed) + len(broken), alpha),
        alpha=alpha,
    )


def mcnemar(fixed: int, broken: int) -> float:
    """Exact two-sided p-value that so uneven a split of the images on which two classifiers differ is chance.

    Source: McNemar, Psychometrika 12, 1947, with the binomial distribution in place of its approximation.
    """
    return min(1.0, 2 * float(binom.sf(max(fixed, broken) - 1, fixed + broken, 0.5)))


def smallest_detectable(differing: int, alpha: float) -> int:
    """The net number of images that the test above finds with a power of 80%, when so many images differ.

    With too few for any split to be significant, the number is that of the least that can be.
    """
    differing = max(differing, math.floor(1 - math.log2(alpha)) + 1)
    needed = next(
        count for count in range(differing // 2 + 1, differing + 1) if mcnemar(count, differing - count) < alpha
    )
    share = float(beta.ppf(POWER, needed, differing - needed + 1))  # P(at least `needed` of them | share) is the power
    return math.ceil(differing * (2 * share - 1))


def compare_seeds(base: Sequence[float], other: Sequence[float], alpha: float) -> SeedComparison:
    """Compare mean accuracies by Welch's t-test; ValueError with fewer than two results on a side."""
    if min(len(base), len(other)) < 2:
        raise ValueError(
            f"{len(base)} and {len(other)} results that differ in train.seed alone; each side needs two or more:"
            " dvc exp run -S train.seed=1"
        )
    if len(set(base)) == len(set(other)) == 1:  # neither varies at all
        low = high = other[0] - base[0]
    else:
        interval = ttest_ind(other, base, equal_var=False).confidence_interval(1 - alpha)
        low, high = float(interval.low), float(interval.high)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "no evidence either way"
    return SeedComparison(list(base), list(other), (low, high), verdict, alpha)
