"""Compare two results image by image."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from src.common.errors import UserError
from src.compare.significance import Verdict, mcnemar, smallest_detectable


class Mistake(NamedTuple):
    """A wrong prediction of a test image."""

    actual: str
    predicted: str
    confidence: float


class Result(NamedTuple):
    """What one revision recorded: parameters and metrics by dotted name, mistakes by image index, and hashes.

    params: those that can change the metrics; not_run: the ones whose values in params.yaml are not those of the run;
    inputs: hashes of the code and the data that can change the metrics, by stage and path.
    """

    name: str
    params: Mapping[str, Any]
    not_run: list[str]
    metrics: Mapping[str, float]
    mistakes: Mapping[int, Mistake]
    test_set: str
    inputs: Mapping[tuple[str, str], str]
    images_md5: str


class Comparison(NamedTuple):
    """Two results and how they differ; fixed, broken and wrong_in_both are image indices, detectable is in images."""

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
        """The parameters that differ, sorted."""
        keys = sorted(self.base.params.keys() | self.other.params.keys())
        return [key for key in keys if self.base.params.get(key) != self.other.params.get(key)]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict and everything that differs as JSON-compatible values."""
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
            "params_not_run": {side: result.not_run for side, result in sides.items()},
        }


def compare(base: Result, other: Result, alpha: float) -> Comparison:
    """Compare two results; raise UserError if they were not measured on the same test images."""
    if base.test_set != other.test_set:
        raise UserError(f"{base.name} and {other.name} were measured on different test sets and cannot be compared")
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
        images=int(other.metrics["test.images"]),
        p_value=p_value,
        verdict=direction if p_value < alpha else "no evidence either way",
        detectable=smallest_detectable(len(fixed) + len(broken), alpha),
        alpha=alpha,
    )
