"""Choose the device."""

import torch

from src.common.errors import UserError
from src.network.params import Device


def choose_device(requested: Device, key: str) -> torch.device:
    """Resolve `auto` to CUDA when it is available; raise UserError naming the key if CUDA is requested but missing.

    Switch off TF32, which by default replaces float32 in CUDA's convolutions.
    """
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # missing in PyTorch's stubs
    if requested == "cuda" and not torch.cuda.is_available():
        raise UserError(f"{key} = 'cuda', but PyTorch {torch.__version__} finds no CUDA device here; use auto or cpu")
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(requested)
