"""The `evaluate` section of params.yaml."""

from typing import Annotated

from pydantic import Field

from src.common.params import Parameter, Section
from src.network.params import Device


class EvaluateParams(Section):
    batch_size: Annotated[
        int, Field(ge=1, le=10**6), Parameter(250, "Images per forward pass; affects only memory and speed.", "images")
    ]
    device: Annotated[Device, Parameter("auto", "Device for evaluation; auto is CUDA when available, else the CPU.")]
    shift: Annotated[
        int,
        Field(ge=0, le=10),
        Parameter(
            0,
            "Test-time augmentation: average over all shifts of up to this many pixels along each axis (1: 9 views,"
            " 2: 25 views); 0 disables it.",
            "pixels",
        ),
    ]
    calibration_bins: Annotated[
        int, Field(ge=1, le=1000), Parameter(15, "Number of equal-width bins of the expected calibration error.")
    ]
