"""What training runs on: the device, the precision, and a deterministic PyTorch."""

from typing import Any, NamedTuple

import torch

from src.network.device import (
    choose_device,
    choose_precision,
    describe_environment,
    keep_freed_memory,
    make_deterministic,
)
from src.network.params import ModelParams
from src.train.params import TrainParams


class Runtime(NamedTuple):
    """The device and precision to train with, and their description for environment.json."""

    device: torch.device
    precision: torch.dtype
    environment: dict[str, Any]


def set_up_runtime(params: TrainParams, model: ModelParams) -> Runtime:
    """Choose device and precision and make PyTorch deterministic; raise UserError if there is no such device."""
    device = choose_device(params.device, "train.device")
    precision = choose_precision(params.precision, device, model)
    make_deterministic(device, params.threads)
    keep_freed_memory()
    return Runtime(device, precision, describe_environment(device, precision))
