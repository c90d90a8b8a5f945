"""The `evaluate` section of params.yaml."""

from src.common.params import Section, parameter
from src.network.params import Device


class EvaluateParams(Section):
    batch_size: int = parameter(
        250, "Images per forward pass; affects only memory, speed and rounding.", "images", ge=1, le=10**6
    )
    device: Device = parameter("auto", "Device for evaluation; auto is CUDA when available, else the CPU.")
    shift: int = parameter(
        0,
        "Test-time augmentation: average over all shifts of up to this many pixels along each axis (1: 9 views,"
        " 2: 25 views); 0 disables it.",
        "pixels",
        ge=0,
        le=10,
    )
    calibration_bins: int = parameter(
        15, "Number of equal-width bins of the expected calibration error.", ge=1, le=1000
    )
