"""Compare the training speed of the notebook's loop, PyTorch's example and this project.

Run it from the project's root after `dvc repro split`, on an idle machine: `python -m benchmarks.speed`. The programs
alternate, so that a slow minute affects all of them, and each round runs in its own process, so that none benefits from
another's set-up. Complete training runs with their peak memory come last: one epoch of the notebook's loop, and the
train stage with two recipes, from start to finish. Writes benchmarks/speed.md; takes half an hour on two cores.
"""

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from ruamel.yaml import YAML
from torch import nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from benchmarks.accuracy import FIGURES
from benchmarks.copying import copy_data, copy_project
from benchmarks.rivals import (
    NOTEBOOK_ACCURACY,
    NOTEBOOK_EPOCHS,
    example_network,
    notebook_network,
    train_one_epoch,
    validate_one_epoch,
)
from benchmarks.spread import spread
from src.common.dataset import Dataset, Preprocessing, Split
from src.download.idx import FILES
from src.download.idx_datasets import import_torchvision
from src.network.convnet import Architecture, ConvNet
from src.network.params import ModelParams
from src.params.params import Params, read_recipe
from src.train.augmentation import augment
from src.train.data import LabelledImages
from src.train.epoch import train_epoch
from src.train.learner import Learner
from src.train.params import BATCH
from src.train.runtime import describe_environment, set_up_runtime
from stages.train import IMAGES, SPLIT

TABLE = Path("benchmarks/speed.md")
CPU = torch.device("cpu")
ROUNDS = 5
BATCHES = 40  # per round, after the same number for warm-up
TRAININGS = 3  # rounds of complete training runs
MATRIX = 4096  # rows and columns
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PRECISIONS = {"float32": "fp32", "bfloat16": "bf16"}  # as train.precision names them
NOTEBOOK = "the notebook's loop, float32"
EXAMPLE = "pytorch/examples' mnist, float32"
OURS = {
    f"this project, {28 - crop}x{28 - crop}, {dtype}{', augmented' * augmented}": (crop, dtype, augmented)
    for crop, dtype, augmented in (
        (0, "float32", False),
        (0, "bfloat16", False),
        (4, "float32", False),
        (4, "bfloat16", False),
        (4, "bfloat16", True),
    )
}
RECIPES = {f"this project, recipe {name}": name for name in ("default", "accurate")}
WHOLE = ("the notebook's training", *RECIPES)
USERS_ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}  # set by stages
LIMITS = {f"matrix multiplication, {dtype}": dtype for dtype in DTYPES}


def main() -> None:
    rates = take_turns((*LIMITS, NOTEBOOK, EXAMPLE, *OURS), ROUNDS)
    TABLE.write_text(render_table(rates, take_turns(WHOLE, TRAININGS)))
    print(TABLE.read_text())


def take_turns(names: Iterable[str], rounds: int) -> dict[str, list[Any]]:
    """Measure each program once per round, each time in its own process."""
    rates: dict[str, list[Any]] = {name: [] for name in names}
    for _ in tqdm(range(rounds), desc="rounds"):
        for name, values in rates.items():
            command = [sys.executable, "-m", "benchmarks.speed", name]
            environment = os.environ if name in OURS else USERS_ENVIRONMENT
            turn = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
            values.append(json.loads(turn.stdout))
    return rates


def measure(name: str) -> float | tuple[float, float]:
    """Return images per second, GFLOP/s of a matrix multiplication, or minutes and GiB of a complete training run."""
    if name in WHOLE:
        return measure_whole_training(name)
    prepare = prepare_ours if name in OURS else prepare_matrix_multiplication if name in LIMITS else prepare_rival
    units, turn = prepare(name)
    turn()  # warm-up
    start = time.perf_counter()
    turn()
    return units / (time.perf_counter() - start)


def prepare_matrix_multiplication(name: str) -> tuple[float, Callable[[], Any]]:
    left, right = torch.rand(2, MATRIX, MATRIX).to(DTYPES[LIMITS[name]])
    return 2 * MATRIX**3 / 1e9, partial(torch.matmul, left, right)


def prepare_rival(name: str) -> tuple[float, Callable[[], Any]]:
    with TemporaryDirectory() as folder:
        dataset = torchvision_mnist(Path(folder), Dataset.load(IMAGES))
    optimizer: torch.optim.Optimizer
    if name == NOTEBOOK:
        network, size = notebook_network(), 128
        optimizer = torch.optim.Adam(network.parameters())
    else:
        network, size = example_network(), 64
        optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    batches = DataLoader(Subset(dataset, range(BATCHES * size)), size, shuffle=True)
    return BATCHES * size, partial(train_one_epoch, network, optimizer, batches)


def prepare_ours(name: str) -> tuple[float, Callable[[], Any]]:
    crop, dtype, augmented = OURS[name]
    params = recipe_params("default")
    augmentation = recipe_params("accurate").augment if augmented else params.augment
    changes = {"device": "cpu", "precision": PRECISIONS[dtype], "schedule": "constant", "skip_easy": 0.0}
    changes["batch_size"] = BATCH
    train = params.train.model_copy(update=changes)
    runtime = set_up_runtime(train, params.model)
    count = BATCHES * BATCH
    data = Dataset.load(IMAGES).select(slice(count))
    images = LabelledImages(torch.from_numpy(data.images), torch.from_numpy(data.labels))
    learner = Learner(our_network(crop), images, train, runtime.precision)
    return count, partial(train_epoch, learner, images, 1, partial(augment, params=augmentation))


def measure_whole_training(name: str) -> tuple[float, float]:
    """Return minutes and peak memory (GiB) of the train stage, or of one notebook epoch scaled to the full run."""
    with TemporaryDirectory() as folder:
        if name in RECIPES:
            return train_recipe(RECIPES[name], Path(folder)), peak_memory(resource.RUSAGE_CHILDREN)
        dataset = torchvision_mnist(Path(folder), Dataset.load(IMAGES))
    training, validation = (DataLoader(Subset(dataset, rows.tolist()), 128, shuffle=True) for rows in Split.load(SPLIT))
    network = notebook_network()
    start = time.perf_counter()
    train_one_epoch(network, torch.optim.Adam(network.parameters()), training)
    validate_one_epoch(network, validation)
    return NOTEBOOK_EPOCHS * (time.perf_counter() - start) / 60, peak_memory(resource.RUSAGE_SELF)


def train_recipe(recipe: str, folder: Path) -> float:
    """Run the train stage in a copy of the project, and return its minutes from start to finish."""
    copy_project(folder)
    copy_data(folder)
    YAML().dump(read_recipe(recipe_path(recipe)), folder / "params.yaml")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "stages", "train"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) / 60


def peak_memory(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / 2**20


def recipe_params(recipe: str) -> Params:
    return Params.model_validate(read_recipe(recipe_path(recipe)))


def recipe_path(recipe: str) -> Path:
    return Path(f"recipes/{recipe}.yaml")


def our_network(crop: int) -> ConvNet:
    return make_network(recipe_params("default").model.model_copy(update={"crop": crop}))


def make_network(model: ModelParams) -> ConvNet:
    classes = [str(digit) for digit in range(10)]
    return ConvNet(
        Architecture(
            model=model, image_shape=(1, 28, 28), classes=classes, preprocessing=Preprocessing(fit="character")
        )
    )


def torchvision_mnist(folder: Path, data: Dataset) -> Any:
    """Build torchvision's MNIST, with ToTensor, from the downloaded training images."""
    raw = folder / "MNIST/raw"
    raw.mkdir(parents=True)
    for name, array in (("train_images", data.images[:, 0]), ("train_labels", data.labels.astype(np.uint8))):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        (raw / FILES[name]).write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())
    for name in ("test_images", "test_labels"):
        (raw / FILES[name]).touch()  # torchvision requires these files; nothing here reads the test images
    torchvision = import_torchvision()
    return torchvision.datasets.MNIST(folder, train=True, transform=torchvision.transforms.ToTensor())


def flop_per_image(network: ConvNet) -> float:
    """Count the FLOP per image: forward, and backward to the weights and, after the first layer, to the inputs."""
    products = [
        layer.weight.numel() * math.prod(map(int, size.shape.split("x")[1:]))
        for layer, size in zip(network.layers, network.layer_sizes()[1:-1], strict=True)
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    return 2.0 * (3 * sum(products) - products[0])


def render_table(rates: dict[str, list[float]], whole: dict[str, list[tuple[float, float]]]) -> str:
    environment = describe_environment(CPU, torch.bfloat16)
    lines = [
        f"Generated by `python -m benchmarks.speed`: medians of {ROUNDS} rounds of {BATCHES} batches each, with"
        " the minimum and maximum in parentheses.",
        f"{environment.processor}, {environment.threads} threads, PyTorch {environment.torch}.",
        "",
        "| program | images per second | speed relative to the notebook's loop"
        " | fraction of the matrix-multiplication rate |",
        "|---|---|---|---|",
    ]
    for name in (NOTEBOOK, EXAMPLE, *OURS):
        ratios = [value / base for value, base in zip(rates[name], rates[NOTEBOOK], strict=True)]
        fraction = ""
        if name in OURS:
            crop, dtype, _ = OURS[name]
            limit = statistics.median(rates[f"matrix multiplication, {dtype}"])
            fraction = f"{statistics.median(rates[name]) * flop_per_image(our_network(crop)) / 1e9 / limit:.0%}"
        lines.append(f"| {name} | {spread(rates[name], '.0f')} | {spread(ratios, '.2f')} | {fraction} |")
    limits = " and ".join(f"{spread(rates[name], '.0f')} GFLOP/s in {dtype}" for name, dtype in LIMITS.items())
    lines += ["", "| complete training run | minutes | speedup | peak memory, GiB | test accuracy |"]
    lines.append("|---|---|---|---|---|")
    for name, trainings in whole.items():
        minutes, memory = zip(*trainings, strict=True)
        ratios = [base / value for (base, _), value in zip(whole[WHOLE[0]], minutes, strict=True)]
        columns = (name, spread(minutes, ".2f"), spread(ratios, ".1f"), spread(memory, ".2f"), describe_accuracy(name))
        lines.append(f"| {' | '.join(columns)} |")
    lines += [
        "",
        f"Medians of {TRAININGS} runs; the notebook's minutes are one epoch, with validation, times {NOTEBOOK_EPOCHS}."
        " Accuracies are those of `make accuracy` and, for the notebook, of one run on another machine.",
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"For reference, multiplying two {MATRIX}x{MATRIX} matrices reaches {limits};"
            " small convolutions can exceed the float32 figure.",
            "",
        ]
    )


def describe_accuracy(name: str) -> str:
    """Return what was measured over seeds for a recipe, or once for the notebook."""
    if name not in RECIPES:
        return f"{NOTEBOOK_ACCURACY:.2%}"
    scores = json.loads((FIGURES / f"{RECIPES[name]}.json").read_text())["accuracy"]
    return f"{statistics.mean(scores):.3%} ± {100 * statistics.stdev(scores):.3f} ({len(scores)} seeds)"


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1]))) if len(sys.argv) > 1 else main()
