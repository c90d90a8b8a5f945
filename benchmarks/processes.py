"""Measure what several processes on one machine gain, with batches in shards and with an ensemble divided among them.

Run it from the project's root, on an idle machine: `python -m benchmarks.processes`. The variants alternate, so that a
slow minute affects all of them. The default network trains on random images, which are as fast as real ones. Writes
benchmarks/processes.md; takes three minutes on two cores.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributed import is_torchelastic_launched
from tqdm import tqdm

import stages  # noqa: F401
from benchmarks.copying import ROOT
from benchmarks.spread import spread
from src.common.dataset import Preprocessing
from src.network.convnet import Architecture, ConvNet
from src.network.params import ModelParams
from src.train.data import LabelledImages
from src.train.epoch import train_epoch
from src.train.learner import Learner
from src.train.params import BATCH, TrainParams
from src.train.processes import ALONE, Group, join_group, launch
from src.train.runtime import describe_environment, keep_freed_memory, make_deterministic

TABLE = Path("benchmarks/processes.md")
VARIANT = "BENCHMARK_VARIANT"  # the environment variable that tells the workers which variant to measure
CPU = torch.device("cpu")
ROUNDS = 5
BATCHES = 40  # per round, after the same number for warm-up
EXCHANGES = 20


class Variant(NamedTuple):
    """How to train: how many processes, threads in each, and shards of a batch; or each process trains one member."""

    processes: int
    threads: int
    shards: int
    ensemble: bool = False


VARIANTS = {
    "1 process of 2 threads": Variant(1, 2, 1),
    "1 process of 2 threads, batches in 2 shards": Variant(1, 2, 2),
    "2 processes of 1 thread, sharing batches in 2 shards": Variant(2, 1, 2),
    "2 processes of 1 thread, each training a member of an ensemble": Variant(2, 1, 1, True),
}


class Measurement(NamedTuple):
    """Images per second of all processes together, and seconds and bytes received by a process per exchange."""

    rate: float
    seconds: float
    size: int


def main() -> None:
    if is_torchelastic_launched():
        with join_group() as group:
            report(os.environ[VARIANT], group)
    elif name := os.environ.get(VARIANT):
        variant = VARIANTS[name]
        launch(variant.processes, "benchmarks.processes") if variant.processes > 1 else report(name, ALONE)
    else:
        measured: dict[str, list[Measurement]] = {name: [] for name in VARIANTS}
        for _ in tqdm(range(ROUNDS), desc="rounds"):
            for name, values in measured.items():
                # Importing stages has set GOMP_SPINCOUNT, which PyTorch reads in the processes that are started here.
                command = [sys.executable, "-m", "benchmarks.processes"]
                turn = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, env=os.environ | {VARIANT: name}, cwd=ROOT
                )
                values.append(Measurement(*json.loads(turn.stdout)))
        TABLE.write_text(render_table(measured))
        print(TABLE.read_text())


def report(name: str, group: Group) -> None:
    """Measure a variant in this process, together with the others of the group, and print the result as JSON."""
    variant = VARIANTS[name]
    params, model = TrainParams(batch_size=BATCH, shards=variant.shards, threads=variant.threads), ModelParams()
    make_deterministic(variant.threads)
    keep_freed_memory()
    count = BATCHES * BATCH
    data = LabelledImages(torch.randint(256, (count, 1, 28, 28), dtype=torch.uint8), torch.randint(10, (count,)))
    classes = [str(digit) for digit in range(10)]
    architecture = Architecture(
        model=model, image_shape=(1, 28, 28), classes=classes, preprocessing=Preprocessing(fit="character")
    )
    torch.manual_seed(0)
    sharing = ALONE if variant.ensemble else group
    learner = Learner(ConvNet(architecture), data, params, torch.bfloat16, sharing)
    train_epoch(learner, data, 1, keep)
    seconds = time_it(group, lambda: train_epoch(learner, data, 2, keep))
    images = count * (variant.processes if variant.ensemble else 1)
    row = torch.zeros(1, sum(value.numel() for value in learner.network.parameters()))
    exchange = time_it(sharing, lambda: [sharing.gather(row) for _ in range(EXCHANGES)]) / EXCHANGES
    size = row.nbytes * (sharing.size - 1)
    print(json.dumps(Measurement(images / seconds, exchange if size else 0.0, size)))


def keep(images: Tensor) -> Tensor:
    return images


def time_it(group: Group, action: Callable[[], object]) -> float:
    """Return the seconds that the slowest process takes, when all start together."""
    group.gather_objects(None)
    start = time.perf_counter()
    action()
    return max(group.gather_objects(time.perf_counter() - start))


def render_table(measured: dict[str, list[Measurement]]) -> str:
    environment = describe_environment(CPU, torch.bfloat16)
    lines = [
        f"Generated by `python -m benchmarks.processes`: medians of {ROUNDS} rounds of {BATCHES} batches each, with the"
        " minimum and maximum in parentheses.",
        f"{environment.processor}, {os.cpu_count()} cores, PyTorch {environment.torch}, bfloat16.",
        "",
        "| training the default network | images per second | relative to the first"
        " | bytes received by a process per step | milliseconds for that |",
        "|---|---|---|---|---|",
    ]
    base = [measurement.rate for measurement in next(iter(measured.values()))]
    for name, measurements in measured.items():
        rates, seconds, sizes = zip(*measurements, strict=True)
        ratios = [rate / first for rate, first in zip(rates, base, strict=True)]
        exchange = f"{sizes[0]:,} | {spread([1000 * value for value in seconds], '.1f')}" if sizes[0] else "0 | 0"
        lines.append(f"| {name} | {spread(rates, '.0f')} | {spread(ratios, '.2f')} | {exchange} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
