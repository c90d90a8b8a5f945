"""The `split` section of params.yaml."""

from src.common.params import Section, parameter


class SplitParams(Section):
    validation_fraction: float = parameter(
        0.2, "Fraction of each class's training images to hold out for validation.", gt=0, lt=1
    )
    seed: int = parameter(0, "Seed of the random split.", ge=0, lt=2**32)
