"""The device, precision and threads that params.yaml asks for in, what this machine offers out."""

import ctypes
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

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


def make_exact(device: torch.device, threads: int) -> None:
    """Let the same work give the same bits again: fixed algorithms, and so many threads (0: one a core)."""
    if threads:
        torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    # On CUDA an operation without a fixed algorithm warns, rather than end the training.
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # only costs time here


def keep_freed_memory() -> None:
    """Let glibc keep what one training step frees for the next; handing it back and forth costs 4 ms of 53 a step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(ctypes.c_int(-1), ctypes.c_int(2**31 - 1))  # M_TRIM_THRESHOLD: never shrink the heap
        mallopt(ctypes.c_int(-3), ctypes.c_int(2**25))  # M_MMAP_THRESHOLD: the highest, so that all tensors are in it


def describe_environment(device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    """What results depend on besides code, data and parameters: versions, device, processor, threads, precision."""
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
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {torch.backends.cpu.get_cpu_capability()}" if names else platform.processor()
