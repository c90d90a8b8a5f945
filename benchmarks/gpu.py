"""Measure training and evaluation on a GPU, and check that results are exact there.

Run it from the project's root after `dvc repro split`, or with data/download and data/split copied from another
machine: `python -m benchmarks.gpu`, or with the names of some parts to measure only those again. The results are
written after every part, or every seed, to gpu.json and gpu.md in benchmarks or the folder given by --output. On an
H100, all parts but the last, `accurate`, which runs only if it is named, take about two minutes. The script runs on a
CPU, too.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from ruamel.yaml import YAML
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from benchmarks.rivals import notebook_network, train_one_epoch
from benchmarks.speed import make_network, peak_memory, recipe_path, torchvision_mnist
from src.common.artifacts import EpochMetrics
from src.common.dataset import Dataset, Split
from src.common.files import write_bytes, write_json
from src.evaluate.params import EvaluateParams
from src.evaluate.prediction import average_probabilities, predict_probabilities
from src.export.classifier import load_classifier
from src.network.device import choose_device
from src.network.model_file import load_networks
from src.params.params import Params, read_recipe
from src.train.augmentation import augment
from src.train.checkpoint import Checkpoint
from src.train.data import select_data
from src.train.epoch import train_epoch
from src.train.learner import Learner
from src.train.params import TrainSections
from src.train.runtime import set_up_runtime
from src.train.training import train
from stages.evaluate import TEST
from stages.train import IMAGES, SPLIT

ROOT = Path(__file__).parent.parent
TARGET = 0.995  # test accuracy
LONG = "accurate"  # the part that runs only if it is named
OUTPUTS = ("model.safetensors", "history.csv", "metrics.json", "layers.csv", "augmented.png", "suspects.csv")
Results = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("parts", metavar="PART", nargs="*", choices=[[], *PARTS], help=", ".join(PARTS))
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=Path("benchmarks"), help="where results go")
    options = parser.parse_args(arguments)
    path = options.output / "gpu.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    device = choose_device("auto", "train.device")
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    for name in options.parts or [name for name in PARTS if name != LONG]:
        start = time.perf_counter()
        for found in PARTS[name]():
            results[name] = found | {"device": card, "seconds of this part": round(time.perf_counter() - start, 1)}
            write_json(path, results)
            write_bytes(path.with_suffix(".md"), render(results).encode())
            print(f"{name}: {json.dumps(results[name])}", flush=True)


def machine() -> Iterator[Results]:
    device = choose_device("auto", "train.device")
    found: Results = {
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
        "CPU cores": os.cpu_count(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {
            "GPU memory, GiB": round(properties.total_memory / 2**30, 1),
            "CUDA": torch.version.cuda,
            "cuDNN": torch.backends.cudnn.version(),
        }
    yield found


@contextlib.contextmanager
def project() -> Iterator[Path]:
    """Make a folder with the downloaded data and the default parameters, for stages to run in."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "data").mkdir()
        for part in ("download", "split"):
            (folder / "data" / part).symlink_to(Path("data", part).absolute())
        for name in ("backbone", "dvc.yaml", "src", "stages"):
            (folder / name).symlink_to(ROOT / name)
        YAML().dump(recipe_values("default"), folder / "params.yaml")
        yield folder


def recipe_values(recipe: str) -> dict[str, Any]:
    return read_recipe(ROOT / recipe_path(recipe))


def start_stage(stage: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "stages", stage], cwd=folder, text=True, stdout=subprocess.PIPE)


def run_stage(stage: str, folder: Path) -> float:
    """Return the seconds that a stage takes from start to finish."""
    start = time.perf_counter()
    process = start_stage(stage, folder)
    process.communicate()
    if process.returncode:
        sys.exit(f"the stage {stage} failed")
    return time.perf_counter() - start


def read_outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "data/train" / name).read_bytes() for name in OUTPUTS}


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return [name for name in one if one[name] != other[name]]


def twice() -> Iterator[Results]:
    """Train twice, then kill a third training after its fourth epoch and resume it."""
    with project() as first, project() as second, project() as killed:
        seconds = [run_stage("train", folder) for folder in (first, second)]
        process = start_stage("train", killed)
        assert process.stdout
        for line in process.stdout:
            if line.startswith("epoch 4/"):
                process.send_signal(signal.SIGKILL)
                break
        process.communicate()
        run_stage("train", killed)
        expected = read_outputs(first)
        yield {
            "seconds of the whole stage": [round(value, 1) for value in seconds],
            "files that differ when repeated": differing(expected, read_outputs(second)),
            "files that differ after SIGKILL": differing(expected, read_outputs(killed)),
        }


def evaluation() -> Iterator[Results]:
    """Compare the probabilities of one model on the device, and of the exported model, with those on the CPU."""
    test = Dataset.load(TEST)
    with project() as folder:
        run_stage("train", folder)
        run_stage("evaluate", folder)  # which export needs
        run_stage("export", folder)
        networks = load_networks(folder / "data/train/model.safetensors")
        exported = load_classifier(folder / "data/export/model.onnx").predict(test.images)
    params = EvaluateParams()
    expected, found = (
        predict_probabilities(networks, test.images, params, device).mean(0)
        for device in (torch.device("cpu"), choose_device("auto", "evaluate.device"))
    )
    yield {
        f"{name}: {quantity}": value
        for name, values in (("GPU", found), ("exported model", exported))
        for quantity, value in (
            ("images predicted differently from the CPU", int((values.argmax(1) != expected.argmax(1)).sum())),
            ("largest difference of a probability", float(np.abs(values - expected).max())),
        )
    }


class Training(NamedTuple):
    """What became of a training run: seconds, test accuracy, and seconds to the target, if an epoch reached it."""

    seconds: float
    accuracy: float
    reached: float | None


def train_network(params: Params, seed: int, every_epoch: bool) -> Training:
    """Train one network; the time of evaluations does not count."""
    test = Dataset.load(TEST)
    start, evaluating, reached = time.perf_counter(), 0.0, None
    sections = TrainSections(params.model, params.augment, params.train.model_copy(update={"seed": seed}))
    runtime = set_up_runtime(sections.train, sections.model)
    data = select_data(Dataset.load(IMAGES), Split.load(SPLIT), sections.train, runtime.device)
    torch.manual_seed(seed)
    network = make_network(params.model)

    def measure_accuracy() -> float:
        probabilities = predict_probabilities([network], test.images, params.evaluate, runtime.device)
        return float((average_probabilities(probabilities).predicted == test.labels).mean())

    def on_epoch(history: list[EpochMetrics]) -> None:
        nonlocal evaluating, reached
        if every_epoch and reached is None:
            before = time.perf_counter()
            if measure_accuracy() >= TARGET:
                reached = round(before - start - evaluating, 2)
            evaluating += time.perf_counter() - before

    with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        train(network, data, sections, runtime.precision, Checkpoint(Path(folder), "benchmark"), on_epoch)
    seconds = round(time.perf_counter() - start - evaluating, 2)
    return Training(seconds, measure_accuracy(), reached)


def train_seeds(recipe: str, seeds: int, every_epoch: bool = False) -> Iterator[Results]:
    """Train networks with consecutive seeds; every_epoch: find out when they reach the target."""
    params = Params.model_validate(recipe_values(recipe))
    short = params.train.model_copy(update={"epochs": 2})
    train_network(params.model_copy(update={"train": short}), 0, every_epoch)  # warm-up
    trainings = []
    for seed in range(seeds):
        trainings.append(train_network(params, seed, every_epoch))
        seconds, accuracies, reached = zip(*trainings, strict=True)
        found: Results = {"seconds of training": seconds, "test accuracy": accuracies}
        if every_epoch:
            found[f"seconds of training until {TARGET:.1%} test accuracy"] = reached
        if seed:
            found |= {
                "mean test accuracy": statistics.mean(accuracies),
                "standard deviation": statistics.stdev(accuracies),
            }
        yield found


def speed() -> Iterator[Results]:
    """Measure training speed and memory on whole epochs, with and without recording."""
    rates: Results = {}
    for size, precision, recorded in itertools.product((128, 512, 2048), ("bf16", "fp32"), (True, False)):
        unrecorded = patch("src.train.epoch.record_gradients", lambda compute, *_: compute)
        with contextlib.nullcontext() if recorded else unrecorded:
            turn, on_gpu = prepare_epoch(precision, size)
            turn()
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            start = time.perf_counter()
            images = turn()
            rate = round(images / (time.perf_counter() - start))
        name = f"{precision}, batches of {size}{'' if recorded else ', without CUDA graphs'}"
        rates[name] = {"images per second": rate}
        if on_gpu:
            rates[name]["GPU memory, MiB"] = round(torch.cuda.max_memory_allocated() / 2**20)
        yield rates | {"peak memory of the process, GiB": round(peak_memory(resource.RUSAGE_SELF), 2)}


def prepare_epoch(precision: Any, batch_size: int) -> tuple[Callable[[], int], bool]:
    """Return a function that trains for an epoch on all training images, and whether that is on a GPU."""
    params = Params.model_validate(recipe_values("default"))
    changes = {"precision": precision, "batch_size": batch_size, "skip_easy": 0.0}
    sections = params.train.model_copy(update=changes)
    runtime = set_up_runtime(sections, params.model)
    data = select_data(Dataset.load(IMAGES), Split.load(SPLIT), sections, runtime.device).training
    torch.manual_seed(0)
    learner = Learner(make_network(params.model), data, sections, runtime.precision)
    turn = partial(train_epoch, learner, data, 1, partial(augment, params=params.augment))
    return turn, runtime.device.type == "cuda"


def notebook() -> Iterator[Results]:
    """Time three epochs of the notebook's loop."""
    device = choose_device("auto", "train.device")
    with TemporaryDirectory() as folder:
        dataset = torchvision_mnist(Path(folder), Dataset.load(IMAGES))
    batches = DataLoader(Subset(dataset, Split.load(SPLIT).train.tolist()), 128, shuffle=True)
    torch.manual_seed(0)
    network = notebook_network().to(device)
    optimizer = torch.optim.Adam(network.parameters())

    def moved() -> Iterator[list[Tensor]]:
        for images, labels in batches:
            yield [images.to(device), labels.to(device)]

    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        train_one_epoch(network, optimizer, moved())
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(round(time.perf_counter() - start, 2))
    yield {"seconds of an epoch": seconds}


def render(results: dict[str, Results]) -> str:
    """Format the results as Markdown: one list per part."""
    lines = ["# On a GPU", "", "Generated by `python -m benchmarks.gpu`."]
    for part, values in results.items():
        lines += ["", f"## {part}", ""]
        lines += [f"- {name}: {json.dumps(value)}" for name, value in values.items()]
    return "\n".join([*lines, ""])


PARTS: dict[str, Callable[[], Iterator[Results]]] = {
    "machine": machine,
    "twice": twice,
    "evaluation": evaluation,
    "default": partial(train_seeds, "default", 5, every_epoch=True),
    "speed": speed,
    "notebook": notebook,
    LONG: partial(train_seeds, "accurate", 10),
}


if __name__ == "__main__":
    main()
