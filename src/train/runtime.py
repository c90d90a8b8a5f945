"""What training runs on: the device, the precision, and a deterministic PyTorch."""

import ctypes
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch

from src.common.artifacts import Environment
from src.network.device import choose_device
from src.network.params import BLOCKS, FIRST_BLOCK, ModelParams
from src.train.params import Precision, TrainParams

NARROW = 16  # channels; below this, bfloat16 can be slower than float32


class Runtime(NamedTuple):
    """The device and precision to train with, and their description for environment.json."""

    device: torch.device
    precision: torch.dtype
    environment: Environment


def set_up_runtime(params: TrainParams, model: ModelParams, backbone: bool = False) -> Runtime:
    """Choose device and precision and make PyTorch deterministic; raise UserError if there is no such device.

    With a backbone, whose features are float32, the precision is float32, and ONNX Runtime belongs to the environment.
    """
    device = choose_device(params.device, "train.device")
    precision = torch.float32 if backbone else choose_precision(params.precision, device, model)
    make_deterministic(params.threads)
    keep_freed_memory()
    environment = describe_environment(device, precision)
    if backbone:
        environment.onnxruntime = version("onnxruntime")
    return Runtime(device, precision, environment)


def choose_precision(requested: Precision, device: torch.device, model: ModelParams) -> torch.dtype:
    """Resolve `auto` to bfloat16 where the device has instructions for it, else to float32.

    On a CPU, narrow networks get float32 as well: with fewer than 16 channels between two convolutions, as in [[8, 32],
    [64, 64], [128]], oneDNN's backward pass in bfloat16 can make a step several times slower than in float32.
    """
    if requested != "auto":
        use_bf16 = requested == "bf16"
    elif device.type == "cuda":
        use_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        blocks = [FIRST_BLOCK, *BLOCKS] if model.conv_channels == "auto" else model.conv_channels
        channels = [width for block in blocks for width in block]
        supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        use_bf16 = supported and min(channels[:-1], default=NARROW) >= NARROW
    return torch.bfloat16 if use_bf16 else torch.float32


def make_deterministic(threads: int) -> None:
    """Use deterministic algorithms and a fixed number of threads (0: one per core)."""
    if threads:
        torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA is initialised
    # Unlike torch.use_deterministic_algorithms, this does not import PyTorch's compiler, which takes a second.
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # only costs time here


def keep_freed_memory() -> None:
    """Let glibc reuse what a training step frees; returning it and requesting it again costs 4 of 53 ms per step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(ctypes.c_int(-1), ctypes.c_int(2**31 - 1))  # M_TRIM_THRESHOLD: never shrink the heap
        mallopt(ctypes.c_int(-3), ctypes.c_int(2**25))  # M_MMAP_THRESHOLD: the maximum, so that tensors use the heap


def describe_environment(device: torch.device, precision: torch.dtype) -> Environment:
    """Describe versions, hardware, threads and precision."""
    return Environment(
        python=platform.python_version(),
        torch=version("torch"),
        numpy=version("numpy"),
        safetensors=version("safetensors"),
        platform=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        device=_gpu(device) if device.type == "cuda" else "cpu",
        threads=torch.get_num_threads(),
        precision=str(precision).removeprefix("torch."),
    )


def _gpu(device: torch.device) -> str:
    cudnn = torch.backends.cudnn.version()
    return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}, cuDNN {cudnn}"


def _processor() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {torch.backends.cpu.get_cpu_capability()}" if names else platform.processor()
