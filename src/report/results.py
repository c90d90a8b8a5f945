"""The artifacts that the report is built from."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from src.common.artifacts import (
    AppliedDecision,
    Environment,
    EpochMetrics,
    Error,
    LayerSize,
    Metrics,
    Prediction,
    Suspect,
    TestImage,
)
from src.common.dataset import Dataset
from src.common.errors import UserError, recreate


class Results(NamedTuple):
    """The contents of the artifacts; error_images and augmented are sprite sheets, params is params.yaml.

    training_data: the training and validation images. files: the first file of each image, and unusable files, by part
    and index. copies: how many further files these images have. unusable: how many files were left out. result_id: the
    first digits of the MD5 that dvc.lock has for predictions.csv.
    """

    errors: Sequence[Error]
    error_images: bytes
    predictions: Sequence[Prediction]
    metrics: Metrics
    history: Sequence[EpochMetrics]
    layers: Sequence[LayerSize]
    augmented: bytes
    environment: Environment
    params: Mapping[str, Any]
    training_data: Dataset
    files: Mapping[tuple[str, int], str]
    copies: int
    unusable: int
    suspects: Sequence[Suspect]
    test_set: Sequence[TestImage]
    decisions: Sequence[AppliedDecision]
    result_id: str

    @property
    def classes(self) -> list[str]:
        """The names of all classes."""
        return list(self.metrics.recall)

    @property
    def members(self) -> int:
        """The number of networks in the ensemble."""
        return len(self.metrics.members.accuracy) if self.metrics.members else 1

    def check(self) -> None:
        """Raise UserError if the artifacts do not match."""
        if self.training_data.classes != self.classes:
            expected, found = (", ".join(names) for names in (self.training_data.classes, self.classes))
            raise UserError(f"the data has the classes {expected}, but metrics.json has {found}; run `dvc repro`")
        digests = dict(enumerate(digest.tobytes().hex() for digest in self.training_data.digests))
        if any(digests.get(suspect.index) != suspect.digest for suspect in self.suspects):
            raise UserError(f"suspects.csv has images that train.npz does not have; {recreate('train')}")
        unknown = {name for error in self.errors for name in (error.actual, error.predicted)} - {*self.classes}
        if unknown or len(self.errors) != self.metrics.errors:
            found = f"the unknown class {min(unknown)!r}" if unknown else f"{len(self.errors)} rows"
            expected = f"{self.metrics.errors} errors in the classes {', '.join(self.classes)}"
            raise UserError(f"errors.csv has {found}, but metrics.json has {expected}; {recreate('evaluate')}")
