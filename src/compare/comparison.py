"""Compare two results, image by image or over seeds: is the difference larger than chance would explain?"""

import math
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from statistics import mean, stdev
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.stats import beta, binom, t, ttest_ind, ttest_ind_from_stats

from src.common.artifacts import TestImage
from src.common.errors import UserError
from src.compare.revisions import Result

POWER = 0.8
SAME_CLASS = 0.8  # least fraction of a renamed class's images that have the new name; below it, the class was split
Verdict = Literal["better", "worse", "no evidence either way"]


class Comparison(NamedTuple):
    """Two results and how they differ, on test images that both have, judged by the labels of `other`.

    fixed: indices in base's test set. broken, errors_in_both: indices in other's. images: the number of compared
    images. detectable: what smallest_detectable returns. added, removed: the number of images that only other has, and
    the number that only base has. relabelled: the number of common images whose labels differ. renamed: for a class
    that only base has, the class that at least four in five of its images have in other. dropped: the classes of base
    without a counterpart in other. new: the number of common images, not compared, whose class in other is unknown to
    base.
    """

    base: Result
    other: Result
    fixed: list[int]
    broken: list[int]
    errors_in_both: list[int]
    images: int
    added: int
    removed: int
    relabelled: int
    renamed: dict[str, str]
    dropped: list[str]
    new: int
    p_value: float
    verdict: Verdict
    detectable: int
    alpha: float

    @property
    def accuracies(self) -> tuple[float, float]:
        """The accuracies of both sides on the compared images."""
        both = len(self.errors_in_both)
        return 1 - (len(self.fixed) + both) / self.images, 1 - (len(self.broken) + both) / self.images

    @property
    def changed_params(self) -> list[str]:
        """The parameters that differ, sorted."""
        keys = sorted(self.base.params.keys() | self.other.params.keys())
        return [key for key in keys if self.base.params.get(key) != self.other.params.get(key)]

    @property
    def changed_inputs(self) -> list[str]:
        """The paths of the code and the data that differ, sorted."""
        inputs = self.base.inputs.items() ^ self.other.inputs.items()
        return sorted({path for (_, path), _ in inputs})

    def to_json(self) -> dict[str, Any]:
        """Return the verdict and everything that differs as JSON-compatible values."""
        sides = {"base": self.base, "other": self.other}
        params = {key: {side: result.params.get(key) for side, result in sides.items()} for key in self.changed_params}
        return {
            "verdict": self.verdict,
            "p_value": self.p_value,
            "alpha": self.alpha,
            "images": self.images,
            "images_added": self.added,
            "images_removed": self.removed,
            "images_relabelled": self.relabelled,
            "classes_renamed": self.renamed,
            "classes_dropped": self.dropped,
            "images_of_new_classes": self.new,
            "fixed": self.fixed,
            "broken": self.broken,
            "errors_in_both": self.errors_in_both,
            "smallest_detectable": self.detectable,
            "revisions": {side: result.name for side, result in sides.items()},
            "metrics": {side: dict(result.metrics) for side, result in sides.items()},
            "params": params,
            "changed_inputs": self.changed_inputs,
            "changed_since": {side: result.changed_since for side, result in sides.items()},
        }


def compare(base: Result, other: Result, alpha: float) -> Comparison:
    """Compare two results; raise UserError if the two test sets share no picture of a class that both know.

    A picture that occurs more than once counts once.
    """
    before, after = base.read_test_images(), other.read_test_images()
    index_before, index_after = (
        {image.digest: index for index, image in reversed([*enumerate(images)])} for images in (before, after)
    )
    common = [(index_before[digest], index) for digest, index in index_after.items() if digest in index_before]
    classes = {image.label for image in after}
    renamed = find_renamed([(before[one].label, after[two].label) for one, two in common], classes)
    known = {renamed.get(image.label, image.label) for image in before}
    pairs = [(one, two) for one, two in common if after[two].label in known]
    if not pairs:
        reason = "no class" if common else "no test image"
        raise UserError(f"{base.name} and {other.name} have {reason} in common and cannot be compared")

    def predicted(result: Result, index: int, images: Sequence[TestImage]) -> str:
        return result.errors[index].predicted if index in result.errors else images[index].label

    def in_other(name: str) -> str:
        return renamed.get(name, name)

    outcomes = {
        (one, two): (
            in_other(predicted(base, one, before)) != after[two].label,
            predicted(other, two, after) != after[two].label,
        )
        for one, two in pairs
    }
    fixed = sorted(one for (one, _), wrong in outcomes.items() if wrong == (True, False))
    broken = sorted(two for (_, two), wrong in outcomes.items() if wrong == (False, True))
    p_value = mcnemar(len(fixed), len(broken))
    direction: Verdict = "better" if len(fixed) > len(broken) else "worse"
    return Comparison(
        base,
        other,
        fixed,
        broken,
        errors_in_both=sorted(two for (_, two), wrong in outcomes.items() if wrong == (True, True)),
        images=len(pairs),
        added=len(index_after) - len(common),
        removed=len(index_before) - len(common),
        relabelled=sum(in_other(before[one].label) != after[two].label for one, two in common),
        renamed=renamed,
        dropped=sorted({image.label for image in before} - classes - renamed.keys()),
        new=len(common) - len(pairs),
        p_value=p_value,
        verdict=direction if p_value < alpha else "no evidence either way",
        detectable=smallest_detectable(len(fixed) + len(broken), alpha),
        alpha=alpha,
    )


def find_renamed(labels: Sequence[tuple[str, str]], classes: Collection[str]) -> dict[str, str]:
    """Map each class missing from the second test set to the class there of at least four in five of its images.

    labels: for every common image, its labels in the two test sets; classes: all classes of the second.
    """
    renamed = {}
    for name in sorted({label for label, _ in labels} - {*classes}):
        likeliest, count = Counter(new for old, new in labels if old == name).most_common(1)[0]
        if count >= SAME_CLASS * sum(old == name for old, _ in labels):
            renamed[name] = likeliest
    return renamed


def mcnemar(fixed: int, broken: int) -> float:
    """Compute the exact two-sided p-value of McNemar's test.

    fixed, broken: numbers of images that only the first, or only the second, of two classifiers gets wrong.

    Source: McNemar, Psychometrika 12, 1947, here with the exact binomial distribution instead of the chi-squared
    approximation.
    """
    return min(1.0, 2 * float(binom.sf(max(fixed, broken) - 1, fixed + broken, 0.5)))


def smallest_detectable(differing: int, alpha: float) -> int:
    """Return the smallest net change, in images, that McNemar's test detects with 80% power.

    differing: number of images that only one of the two classifiers gets right. If that is too few for any split to be
    significant, return the smallest number for which a split can be significant.
    """
    differing = max(differing, math.floor(1 - math.log2(alpha)) + 1)
    needed = next(
        count for count in range(differing // 2 + 1, differing + 1) if mcnemar(count, differing - count) < alpha
    )
    fraction = float(beta.ppf(POWER, needed, differing - needed + 1))  # P(at least `needed` | fraction) = power
    return math.ceil(differing * (2 * fraction - 1))


class SeedComparison(NamedTuple):
    """The accuracies of two sets of results; within each set, only the seed differs.

    interval: confidence interval of the difference of the means; None if neither set varies.
    """

    base: list[float]
    other: list[float]
    interval: tuple[float, float] | None
    verdict: Verdict
    alpha: float


def compare_seeds(base: Sequence[float], other: Sequence[float], alpha: float) -> SeedComparison:
    """Compare mean accuracies with Welch's t-test; raise UserError if either side has fewer than two results."""
    if min(len(base), len(other)) < 2:
        raise UserError(
            f"found {len(base)} and {len(other)} results that differ only in train.seed, but each side needs at least"
            " two; run more, for example `dvc exp run -S train.seed=1` (the seeds of ensembles must be at least"
            " train.members apart)"
        )
    if stdev(base) == stdev(other) == 0:  # without any variance, Welch's t-test is undefined
        return SeedComparison(list(base), list(other), None, "no evidence either way", alpha)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns if the values of one side are all equal
        interval = ttest_ind(other, base, equal_var=False).confidence_interval(1 - alpha)
    low, high = float(interval.low), float(interval.high)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "no evidence either way"
    return SeedComparison(list(base), list(other), (low, high), verdict, alpha)


def welch_p_values(groups: Sequence[Sequence[float]]) -> np.ndarray:
    """Compute p-values (G, G) of Welch's t-test between all groups, with Holm's correction for the number of pairs.

    groups: at least two values each. If neither group of a pair varies, the test is undefined, and p is 1.

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
    return float(t.ppf(1 - alpha / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Correct p-values for their number, so that the chance of any false positive is at most the significance level.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    order = p_values.argsort()
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(np.minimum(1, p_values[order] * np.arange(len(p_values), 0, -1)))
    return corrected
