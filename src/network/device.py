"""Choose the device, precision and thread count, and describe the runtime environment."""

import ctypes
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from src.common.errors import UserError
from src.network.params import Device, ModelParams, Precision

NARROW = 16  # channels; below this, bfloat16 can be slower than float32


def choose_device(requested: Device, key: str) -> torch.device:
    """Resolve `auto` to CUDA when it is available; raise UserError naming the key if CUDA is requested in vain.

    Switch off TF32, which by default replaces float32 in CUDA's convolutions.
    """
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # missing in PyTorch's stubs
    if requested == "cuda" and not torch.cuda.is_available():
        raise UserError(f"{key} = 'cuda', but PyTorch {torch.__version__} finds no CUDA device here; use auto or cpu")
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(requested)


def choose_precision(requested: Precision, device: torch.device, model: ModelParams) -> torch.dtype:
    """Resolve `auto` to bfloat16 where the device has instructions for it, else to float32.

    On a CPU, narrow networks get float32 as well: with fewer than 16 channels between two convolutions, as in [[8, 32],
    [64, 64], [128]], oneDNN's backward pass in bfloat16 can make a step several times slower than in float32.
    """
    channels = [width for block in model.conv_channels for width in block]
    if requested == "auto" and device.type == "cpu" and min(channels[:-1], default=NARROW) < NARROW:
        return torch.float32
    if requested == "auto":
        supported = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
        return torch.bfloat16 if supported else torch.float32
    return torch.bfloat16 if requested == "bf16" else torch.float32


def make_deterministic(device: torch.device, threads: int) -> None:
    """Use deterministic algorithms and a fixed number of threads (0: one per core)."""
    if threads:
        torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA is initialised
    # On CUDA, an operation without a deterministic algorithm warns instead of ending the training.
    # Unlike torch.use_deterministic_algorithms, this does not import PyTorch's compiler, which takes a second.
    torch.set_deterministic_debug_mode("warn" if device.type == "cuda" else "error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # only costs time here


def keep_freed_memory() -> None:
    """Let glibc reuse what a training step frees; returning and requesting it again costs 4 of 53 ms per step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(ctypes.c_int(-1), ctypes.c_int(2**31 - 1))  # M_TRIM_THRESHOLD: never shrink the heap
        mallopt(ctypes.c_int(-3), ctypes.c_int(2**25))  # M_MMAP_THRESHOLD: the maximum, so that tensors use the heap


def describe_environment(device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    """Describe what results depend on besides code, data and parameters: versions, hardware, threads, precision."""
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "safetensors")},
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "precision": str(precision).removeprefix("torch."),
    }


def _processor() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {torch.backends.cpu.get_cpu_capability()}" if names else platform.processor()
