"""The device and precision that params.yaml asks for in, what this machine offers out."""

from typing import Literal

import torch

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16"]


def choose_device(wanted: Device, key: str) -> torch.device:
    """CUDA when available, unless something else is wanted; ValueError names key when there is no such device."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"{key} = 'cuda', but PyTorch {torch.__version__} finds no CUDA device here; use auto or cpu")
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wanted)


def choose_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """The type to multiply matrices in: bfloat16 when wanted, or when the device has instructions for it."""
    if wanted == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if wanted == "bf16" else torch.float32
