"""Training speed side by side: the notebook's loop, PyTorch's example, this project, and the machine's own limit.

From the project's root, on a machine that does nothing else, after `dvc repro split`: python -m benchmarks.speed
They take turns, so that a slow minute slows all of them. Writes benchmarks/speed.md. Takes about five minutes.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from benchmarks.rivals import example_network, notebook_network, one_pass
from src.device import choose_precision, describe_environment, keep_freed_memory, make_exact
from src.download import PARTS
from src.epoch import Images, train_epoch
from src.files import load_arrays
from src.model import Architecture, ConvNet
from src.params import read_params
from src.torchvision_datasets import MNIST
from stages.train import IMAGES, Params

TABLE = Path("benchmarks/speed.md")
CPU = torch.device("cpu")
ROUNDS = 7
BATCHES = 40  # a turn
MATRIX = 4096  # rows and columns

NOTEBOOK = "the notebook's loop, float32"
EXAMPLE = "pytorch/examples' mnist, float32"


def main() -> None:
    params = read_params(Params)
    make_exact(CPU, params.train.threads)
    keep_freed_memory()  # the others gain by it too
    precision = choose_precision(params.train.precision, CPU)
    data = load_arrays(IMAGES)
    turns: dict[str, tuple[float, Callable[[], Any]]] = {}
    work: dict[str, float] = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.rand(2, MATRIX, MATRIX).to(dtype)
        turns[str(dtype)] = (2 * MATRIX**3 / 1e9, partial(torch.matmul, left, right))
    with TemporaryDirectory() as folder:
        dataset = torchvision_mnist(Path(folder), data)
    for name, network, size, make_optimizer in (
        (NOTEBOOK, notebook_network(), 128, torch.optim.Adam),
        (EXAMPLE, example_network(), 64, partial(torch.optim.Adadelta, lr=1.0)),
    ):
        batches = DataLoader(Subset(dataset, range(BATCHES * size)), size, shuffle=True)
        optimizer = make_optimizer(network.parameters())
        turns[name] = (BATCHES * size, partial(one_pass, network, optimizer, batches))
    size = params.train.batch_size
    images = Images(*(torch.from_numpy(data[name][: BATCHES * size]) for name in ("images", "labels")))
    for crop in (0, 24):
        for dtype in dict.fromkeys((torch.float32, precision)):
            ours = ConvNet(
                Architecture(
                    model=params.model.model_copy(update={"crop": crop}),
                    image_shape=data["images"].shape[1:],
                    classes=data["classes"].tolist(),
                )
            )
            fused = torch.optim.Adam(ours.parameters(), lr=params.train.learning_rate, fused=True)
            constant = torch.optim.lr_scheduler.ConstantLR(fused, 1.0)
            name = f"this project, {crop or 28}x{crop or 28}, {str(dtype).removeprefix('torch.')}"
            arguments = (ours, images, size, dtype, fused, constant, name, 0.0)
            turns[name] = (BATCHES * size, partial(train_epoch, *arguments))
            work[name] = flop_per_image(ours)
    rates = take_turns(turns)
    TABLE.write_text(table(rates, work, describe_environment(CPU, precision)))
    print(TABLE.read_text())


def torchvision_mnist(folder: Path, data: dict[str, np.ndarray]) -> Any:
    """torchvision's MNIST with ToTensor, made of the downloaded training images."""
    raw = folder / "MNIST/raw"
    raw.mkdir(parents=True)
    for name, array in (("train_images", data["images"][:, 0]), ("train_labels", data["labels"].astype(np.uint8))):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        (raw / PARTS[name]).write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())
    for name in ("test_images", "test_labels"):
        (raw / PARTS[name]).touch()  # torchvision asks that they exist; nothing here reads the test images
    from torchvision.transforms import ToTensor  # after MNIST: see src/torchvision_datasets.py

    return MNIST(folder, train=True, transform=ToTensor())


def flop_per_image(network: ConvNet) -> float:
    """Of a training step: forward, backward to the weights and, but for the first layer, to the inputs."""
    products = [
        layer.weight.numel() * int(np.prod(size.shape[1:], initial=1))
        for layer, size in zip(network.layers, network.sizes, strict=True)
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    return 2.0 * (3 * sum(products) - products[0])


def take_turns(turns: dict[str, tuple[float, Callable[[], Any]]]) -> dict[str, list[float]]:
    """Units a second of every contestant, a figure a round; the round before the first only warms up."""
    rates: dict[str, list[float]] = {name: [] for name in turns}
    for number in tqdm(range(ROUNDS + 1), desc="rounds"):
        for name, (units, turn) in turns.items():
            start = time.perf_counter()
            turn()
            if number:
                rates[name].append(units / (time.perf_counter() - start))
    return rates


def table(rates: dict[str, list[float]], work: dict[str, float], environment: dict[str, Any]) -> str:
    notebook = rates[NOTEBOOK]
    lines = [
        "Made by `python -m benchmarks.speed`: "
        f"medians of {ROUNDS} turns of {BATCHES} batches each, lowest and highest in brackets.\n",
        f"{environment['processor']}, {environment['threads']} threads, PyTorch {environment['torch']}.\n",
        "| | images a second | against the notebook's loop | of the machine's matrix rate |",
        "|---|---|---|---|",
    ]
    for name, values in rates.items():
        if name.startswith("torch."):
            continue
        ratios = [value / base for value, base in zip(values, notebook, strict=True)]
        share = ""
        if name in work:
            limit = statistics.median(rates[f"torch.{name.rsplit(' ', 1)[1]}"])
            share = f"{statistics.median(values) * work[name] / 1e9 / limit:.0%}"
        lines.append(f"| {name} | {spread(values, '.0f')} | {spread(ratios, '.2f')} | {share} |")
    lines += [
        "",
        f"The machine's own limit, a product of two {MATRIX}x{MATRIX} matrices: "
        + " and ".join(
            f"{spread(values, '.0f')} GFLOP/s in {name.removeprefix('torch.')}"
            for name, values in rates.items()
            if name.startswith("torch.")
        )
        + ".",
        "",
    ]
    return "\n".join(lines)


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
