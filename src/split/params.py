"""The `split` section of params.yaml."""

from typing import Annotated

from pydantic import Field

from src.common.params import Parameter, Section


class SplitParams(Section):
    validation_fraction: Annotated[
        float,
        Field(gt=0, lt=1),
        Parameter(0.2, "Fraction of each class's training images to hold out for validation."),
    ]
    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(0, "Seed of the random split.")]
