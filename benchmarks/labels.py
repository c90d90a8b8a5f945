"""Measure what wrong labels cost: train on MNIST with planted ones, and test on the right ones.

Run it from the project's root after `dvc repro split`, as `python -m benchmarks.labels`; it prints a table, a row when
it is measured. Labels are changed in the training set, before it is split, so that those of the validation images are
as wrong. The default parameters are compared with four whole epochs, which take about as long.
"""

import argparse
import os
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np

from src.common.cli import run_cli
from src.common.dataset import Dataset, Split
from src.evaluate.evaluation import evaluate
from src.params.params import Params, default_values
from src.train.checkpoint import Checkpoint
from src.train.ensemble import train_ensemble
from src.train.params import TrainSections
from src.train.runtime import set_up_runtime
from stages.evaluate import TEST
from stages.split import SPLIT, TRAIN

PAIRS = {4: 9, 9: 4, 3: 5, 5: 3, 1: 7, 7: 1}  # digits that people confuse
WAYS = {"default": {}, "four whole epochs": {"epochs": 4, "skip_easy": 0.0}}


def main() -> None:
    arguments = parse_arguments()
    data, test, split = Dataset.load(TRAIN), Dataset.load(TEST), Split.load(SPLIT)
    print("| wrong labels | parameters | best epochs | images trained on | test accuracy | mean |")
    print("|---|---|---|---|---|---|")
    for kind in arguments.kinds:
        for fraction in arguments.fractions if kind == "uniform" else filter(None, arguments.fractions):
            for way in arguments.ways:
                runs = []
                for seed in range(arguments.seeds):
                    noisy = data._replace(labels=plant(data.labels, fraction, kind, seed))
                    runs.append(train_and_test(noisy, split, test, WAYS[way] | {"seed": seed}))
                epochs, images, accuracies = zip(*runs, strict=True)
                cells = (
                    f"{fraction:.0%} {kind}" if fraction else "none",
                    way,
                    ", ".join(map(str, epochs)),
                    f"{mean(images):,.0f}",
                    ", ".join(f"{accuracy:.2%}" for accuracy in accuracies),
                    f"{mean(accuracies):.2%}",
                )
                print(f"| {' | '.join(cells)} |", flush=True)


def plant(labels: np.ndarray, fraction: float, kind: str, seed: int) -> np.ndarray:
    """Change a fraction of the labels (N,): to any other digit, or, as "pairs", to the one it is confused with."""
    generator = np.random.default_rng(seed)
    changed = labels.copy()
    candidates = np.arange(len(labels)) if kind == "uniform" else np.flatnonzero(np.isin(labels, list(PAIRS)))
    rows = generator.choice(candidates, round(fraction * len(labels)), replace=False)
    if kind == "uniform":
        changed[rows] = (labels[rows] + generator.integers(1, 10, len(rows))) % 10
    else:
        changed[rows] = [PAIRS[label] for label in labels[rows].tolist()]
    return changed


def train_and_test(data: Dataset, split: Split, test: Dataset, changes: dict[str, float]) -> tuple[int, float, float]:
    """Return the best epoch, the number of images trained on in all epochs, and the accuracy on the test set."""
    values = default_values()
    values["train"] |= changes
    params = Params.model_validate(values)
    sections = TrainSections(params.model, params.augment, params.train)
    runtime = set_up_runtime(params.train, params.model)
    with TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        open_checkpoint = partial(Checkpoint, Path(folder), "labels")
        ensemble = train_ensemble(data, split, sections, runtime, open_checkpoint, lambda history: None)
    accuracy = evaluate(ensemble.networks, test, params.evaluate).metrics.accuracy
    return int(ensemble.best.epoch), sum(epoch.images for epoch in ensemble.history), accuracy


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labels", description=__doc__)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.0, 0.02, 0.1, 0.3], help="of wrong labels")
    parser.add_argument("--kinds", nargs="+", choices=["uniform", "pairs"], default=["uniform", "pairs"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    return parser.parse_args()


if __name__ == "__main__":
    run_cli(main)
