"""Training speed side by side: the notebook's loop, PyTorch's example, this project, and a large matrix product.

From the project's root, on a machine that does nothing else, after `dvc repro split`: python -m benchmarks.speed
They take turns, so that a slow minute slows all of them, each turn in a process of its own, so that none runs in what
another has set up. Then whole trainings, with their peak memory: an epoch of the notebook's, and this project's train
stage from start to end.
Writes benchmarks/speed.md. Takes about a quarter of an hour on two cores.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from src.augment import augment
from src.device import describe_environment, keep_freed_memory, make_exact
from src.epoch import Images, train_epoch
from src.files import load_arrays
from src.model import Architecture, ConvNet
from src.params import read_params
from src.torchvision_datasets import MNIST
from torch import nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from benchmarks.rivals import example_network, notebook_network, one_pass, validation_pass
from src.download import PARTS
from stages.train import IMAGES, INDICES, Params

TABLE = Path("benchmarks/speed.md")
CPU = torch.device("cpu")
ROUNDS = 5
BATCHES = 40  # a turn, after as many to warm up
TRAININGS = 3  # rounds of whole trainings
NOTEBOOK_EPOCHS = 43  # after which its patience ends it: the lowest validation loss comes at the 12th
MATRIX = 4096  # rows and columns
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
NOTEBOOK = "the notebook's loop, float32"
EXAMPLE = "pytorch/examples' mnist, float32"
OURS = {
    f"this project, {crop or 28}x{crop or 28}, {dtype}{', augmented' * augmented}": (crop, dtype, augmented)
    for crop, dtype, augmented in (
        (0, "float32", False),
        (0, "bfloat16", False),
        (24, "float32", False),
        (24, "bfloat16", False),
        (24, "bfloat16", True),
    )
}
AUGMENTED = Path("recipes/accurate.yaml")
STAGE = "this project's train stage"
WHOLE = ("the notebook's training", STAGE)
LIMITS = {f"matrix product, {dtype}": dtype for dtype in DTYPES}


def main() -> None:
    rates = take_turns((*LIMITS, NOTEBOOK, EXAMPLE, *OURS), ROUNDS)
    TABLE.write_text(table(rates, take_turns(WHOLE, TRAININGS)))
    print(TABLE.read_text())


def take_turns(names: Iterable[str], rounds: int) -> dict[str, list[Any]]:
    plain = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}  # which stages set
    rates: dict[str, list[Any]] = {name: [] for name in names}
    for _ in tqdm(range(rounds), desc="rounds"):
        for name, values in rates.items():
            command = [sys.executable, "-m", "benchmarks.speed", name]
            environment = os.environ if name in OURS else plain
            turn = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
            values.append(json.loads(turn.stdout))
    return rates


def measure(name: str) -> float | tuple[float, float]:
    """Images a second of one turn, GFLOP a second of a matrix product, or minutes and GiB of a whole training."""
    if name in WHOLE:
        return whole_training(name)
    units, turn = ours(name) if name in OURS else limit(name) if name in LIMITS else rival(name)
    turn()
    start = time.perf_counter()
    turn()
    return units / (time.perf_counter() - start)


def limit(name: str) -> tuple[float, Callable[[], Any]]:
    left, right = torch.rand(2, MATRIX, MATRIX).to(DTYPES[LIMITS[name]])
    return 2 * MATRIX**3 / 1e9, partial(torch.matmul, left, right)


def rival(name: str) -> tuple[float, Callable[[], Any]]:
    with TemporaryDirectory() as folder:
        dataset = torchvision_mnist(Path(folder), load_arrays(IMAGES, "images", "labels"))
    optimizer: torch.optim.Optimizer
    if name == NOTEBOOK:
        network, size = notebook_network(), 128
        optimizer = torch.optim.Adam(network.parameters())
    else:
        network, size = example_network(), 64
        optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    batches = DataLoader(Subset(dataset, range(BATCHES * size)), size, shuffle=True)
    return BATCHES * size, partial(one_pass, network, optimizer, batches)


def whole_training(name: str) -> tuple[float, float]:
    """Minutes and the peak of resident memory in GiB.

    Of the train stage from its start; of the notebook's training by a single epoch.
    """
    with TemporaryDirectory() as folder:
        if name == STAGE:
            for part in ("src", "stages", "data/download", "data/split"):
                shutil.copytree(part, Path(folder, part))
            shutil.copy("params.yaml", folder)
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "stages.train"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            return (time.perf_counter() - start) / 60, peak_memory(resource.RUSAGE_CHILDREN)
        dataset = torchvision_mnist(Path(folder), load_arrays(IMAGES, "images", "labels"))
    rows = load_arrays(INDICES, "train", "validation")
    training, validation = (DataLoader(Subset(dataset, rows[side].tolist()), 128, shuffle=True) for side in rows)
    network = notebook_network()
    start = time.perf_counter()
    one_pass(network, torch.optim.Adam(network.parameters()), training)
    validation_pass(network, validation)
    return NOTEBOOK_EPOCHS * (time.perf_counter() - start) / 60, peak_memory(resource.RUSAGE_SELF)


def peak_memory(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / 2**20


def our_network(crop: int) -> ConvNet:
    model = read_params(Params).model.model_copy(update={"crop": crop})
    return ConvNet(Architecture(model=model, image_shape=(1, 28, 28), classes=[str(digit) for digit in range(10)]))


def ours(name: str) -> tuple[float, Callable[[], Any]]:
    crop, dtype, augmented = OURS[name]
    params = read_params(Params)
    augmentation = read_params(Params, AUGMENTED).augment if augmented else params.augment
    make_exact(CPU, params.train.threads)
    keep_freed_memory()
    data = load_arrays(IMAGES, "images", "labels")
    size = params.train.batch_size
    count = BATCHES * size
    images = Images(*(torch.from_numpy(data[key][:count]) for key in ("images", "labels")))
    network = our_network(crop)
    optimizer = torch.optim.AdamW(network.parameters(), lr=params.train.learning_rate, fused=True)
    constant = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    transform = partial(augment, params=augmentation)
    return count, partial(train_epoch, network, images, size, transform, DTYPES[dtype], optimizer, constant, name, 0.0)


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


def table(rates: dict[str, list[float]], whole: dict[str, list[tuple[float, float]]]) -> str:
    environment = describe_environment(CPU, torch.bfloat16)
    lines = [
        f"Made by `python -m benchmarks.speed`: medians of {ROUNDS} turns of {BATCHES} batches each, in brackets the"
        " lowest and the highest.",
        f"{environment['processor']}, {environment['threads']} threads, PyTorch {environment['torch']}.",
        "",
        "| | images a second | against the notebook's loop | of the rate of a matrix product |",
        "|---|---|---|---|",
    ]
    for name in (NOTEBOOK, EXAMPLE, *OURS):
        ratios = [value / base for value, base in zip(rates[name], rates[NOTEBOOK], strict=True)]
        share = ""
        if name in OURS:
            crop, dtype, _ = OURS[name]
            most = statistics.median(rates[f"matrix product, {dtype}"])
            share = f"{statistics.median(rates[name]) * flop_per_image(our_network(crop)) / 1e9 / most:.0%}"
        lines.append(f"| {name} | {spread(rates[name], '.0f')} | {spread(ratios, '.2f')} | {share} |")
    limits = " and ".join(f"{spread(rates[name], '.0f')} GFLOP/s in {dtype}" for name, dtype in LIMITS.items())
    lines += ["", "| a whole training | minutes | times as fast | peak memory, GiB |", "|---|---|---|---|"]
    for name, trainings in whole.items():
        minutes, memory = zip(*trainings, strict=True)
        ratios = [base / value for (base, _), value in zip(whole[WHOLE[0]], minutes, strict=True)]
        lines.append(f"| {name} | {spread(minutes, '.2f')} | {spread(ratios, '.1f')} | {spread(memory, '.2f')} |")
    lines += [
        "",
        f"Medians of {TRAININGS}; the notebook's is {NOTEBOOK_EPOCHS} times one of its epochs with validation.",
    ]
    return "\n".join([*lines, "", f"For scale, a product of two {MATRIX}x{MATRIX} matrices: {limits}.", ""])


def spread(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1]))) if len(sys.argv) > 1 else main()
