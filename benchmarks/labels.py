"""Measure what wrong labels cost, and whether they are found: plant some, train, and test on the right ones.

Run it from the project's root, as `python -m benchmarks.labels`, for MNIST after `dvc repro split`; it prints a table,
a row when it is measured. Labels are changed before the training set is split, so that those of the validation images
are as wrong. `found` is the number of images in suspects.csv, with the precision and the recall for the planted labels,
and `ranked` the fraction of the n planted labels among the n, 1.5 n and 3 n most suspicious images.
"""

import argparse
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from src.common.artifacts import Prediction, Suspect
from src.common.cli import run_cli
from src.common.dataset import Dataset, Split
from src.common.files import read_csv
from src.download.folder import load_folder
from src.download.sources import load_small_digits
from src.evaluate.evaluation import evaluate
from src.params.params import Params, default_values, read_recipe
from src.split.stratified import split_rows
from src.train.checkpoint import Checkpoint
from src.train.ensemble import train_ensemble
from src.train.params import TrainSections
from src.train.runtime import set_up_runtime
from src.train.suspects import find_suspects, rank
from stages.evaluate import TEST
from stages.split import SPLIT, TRAIN

PAIRS = {4: 9, 9: 4, 3: 5, 5: 3, 1: 7, 7: 1}  # digits that people confuse
# The test images of MNIST of which fewer than three of five people confirmed the label.
# Source: Northcutt et al., Pervasive Label Errors in Test Sets Destabilize Machine Learning Benchmarks, 2021.
DOUBTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
WHOLE = {"train": {"epochs": 4, "skip_easy": 0.0, "patience": 0}}  # takes about as long as the default
NOTEBOOK = {section: read_recipe(Path("recipes/notebook.yaml"))[section] for section in ("model", "augment", "train")}
WAYS: dict[str, dict[str, dict[str, Any]]] = {
    "default": {}, "four whole epochs": WHOLE, "notebook": NOTEBOOK,
}  # fmt: skip
RANKED = (1, 1.5, 3)
COLUMNS = (
    *("wrong labels", "parameters", "best epochs", "images trained on", "test accuracy", "mean"),
    *("found", "precision", "recall", "ranked"),
)


class Run(NamedTuple):
    """The best epoch, the images trained on in all epochs, the test accuracy, and how the planted labels were found."""

    best_epoch: float
    images: float
    accuracy: float
    found: int
    precision: float
    recall: float
    ranked: list[float]


def main() -> None:
    arguments = parse_arguments()
    if arguments.write_folder:
        write_folder(arguments.write_folder, fraction=0.05)
        return
    if arguments.doubted:
        ranks = rank_test_images(read_csv(Path("data/evaluate/predictions.csv"), Prediction), DOUBTED)
        print(f"{sum(rank <= 100 for rank in ranks)} of {len(ranks)} are among the 100 with the highest loss: {ranks}")
        return
    data, test, split = load(arguments.dataset)
    print("| " + " | ".join(COLUMNS) + f" |\n|{'---|' * len(COLUMNS)}")
    for kind in arguments.kinds:
        for fraction in arguments.fractions if kind == "uniform" else filter(None, arguments.fractions):
            for way in arguments.ways:
                runs = []
                for seed in range(arguments.seeds):
                    noisy = data._replace(labels=plant(data.labels, fraction, kind, 100 + seed, len(data.classes)))
                    runs.append(train_and_test(noisy, data.labels, split, test, WAYS[way], seed))
                name = f"{fraction:.0%} {kind}" if fraction else "none"
                print(f"| {' | '.join(describe(name, way, runs))} |", flush=True)


def rank_test_images(rows: Sequence[Prediction], indices: Sequence[int]) -> list[int]:
    """Return the sorted ranks of test images by their loss; 1 has the highest."""
    order = sorted(rows, key=lambda row: -row.loss)
    return [rank for rank, row in enumerate(order, start=1) if row.index in indices]


def describe(name: str, way: str, runs: list[Run]) -> list[str]:
    """Return the cells of a row of the table."""

    def percent(values: list[float]) -> str:
        return f"{mean(values):.1%}"

    return [
        name,
        way,
        ", ".join(f"{run.best_epoch:g}" for run in runs),
        f"{mean(run.images for run in runs):,.0f}",
        ", ".join(f"{run.accuracy:.2%}" for run in runs),
        f"{mean(run.accuracy for run in runs):.2%}",
        f"{mean(run.found for run in runs):,.0f}",
        percent([run.precision for run in runs]),
        percent([run.recall for run in runs]),
        ", ".join(percent([run.ranked[place] for run in runs]) for place in range(len(RANKED))),
    ]


def load(dataset: str) -> tuple[Dataset, Dataset, Split]:
    """Return the training set, the test set and the split, of MNIST, of the digits, or of a folder of pictures."""
    params = Params.model_validate(default_values())
    if dataset == "mnist":
        return Dataset.load(TRAIN), Dataset.load(TEST), Split.load(SPLIT)
    if dataset == "digits":
        train, test = load_small_digits()
    else:
        changes = {"folder": dataset, "image_size": 32, "channels": 3}
        train, test, *_ = load_folder(params.download.model_copy(update=changes))
    return train, test, split_rows(train, params.split)


def plant(labels: np.ndarray, fraction: float, kind: str, seed: int, classes: int = 10) -> np.ndarray:
    """Change a fraction of the labels (N,): to any other class, or, as "pairs", to the digit it is confused with."""
    generator = np.random.default_rng(seed)
    changed = labels.copy()
    candidates = np.arange(len(labels)) if kind == "uniform" else np.flatnonzero(np.isin(labels, list(PAIRS)))
    rows = generator.choice(candidates, round(fraction * len(labels)), replace=False)
    if kind == "uniform":
        changed[rows] = (labels[rows] + generator.integers(1, classes, len(rows))) % classes
    else:
        changed[rows] = [PAIRS[label] for label in labels[rows].tolist()]
    return changed


def train_and_test(
    data: Dataset, right: np.ndarray, split: Split, test: Dataset, changes: dict[str, dict[str, Any]], seed: int
) -> Run:
    """Train on the labels of data, of which some are not the right ones (N,), and test."""
    values = default_values()
    for section, settings in changes.items():
        values[section] |= settings
    values["train"]["seed"] = seed
    params = Params.model_validate(values)
    sections = TrainSections(params.model, params.augment, params.train)
    runtime = set_up_runtime(params.train, params.model)
    with TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        open_checkpoint = partial(Checkpoint, Path(folder), "labels")
        ensemble = train_ensemble(data, split, sections, runtime, open_checkpoint, lambda history: None)
    listed, _ = find_suspects(data, data.images, split, ensemble.losses, ensemble.networks)
    ranking = rank(split, ensemble.losses).rows
    accuracy = evaluate(ensemble.networks, test, params.evaluate).metrics.accuracy
    images = sum(epoch.images for epoch in ensemble.history)
    return Run(ensemble.best.epoch, images, accuracy, *score(listed, ranking, data.labels != right))


def score(listed: list[Suspect], ranking: np.ndarray, wrong: np.ndarray) -> tuple[int, float, float, list[float]]:
    """Return the number of suspects, precision, recall, and the recall among the first of the ranking; wrong: (N,)."""
    count = wrong.sum()
    hits = sum(wrong[suspect.index] for suspect in listed)
    if not count:
        return len(listed), 0.0, 0.0, [0.0] * len(RANKED)
    ranked = [float(wrong[ranking[: int(factor * count)]].sum() / count) for factor in RANKED]
    return len(listed), float(hits / max(1, len(listed))), float(hits / count), ranked


def write_folder(folder: Path, fraction: float = 0.0) -> None:
    """Write scikit-learn's digits as PNG files, a fraction of the training images into the folder of a wrong class."""
    for part, digits in zip(("train", "test"), load_small_digits(), strict=True):
        labels = plant(digits.labels, fraction, "uniform", seed=0) if part == "train" else digits.labels
        for number, (image, label) in enumerate(zip(digits.images, labels, strict=True)):
            path = folder / part / f"digit {label}" / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0]).save(path)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labels", description=__doc__)
    parser.add_argument("--dataset", default="mnist", help="mnist, digits, or a folder of pictures (default: mnist)")
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.0, 0.02, 0.1, 0.3], help="of wrong labels")
    parser.add_argument("--kinds", nargs="+", choices=["uniform", "pairs"], default=["uniform", "pairs"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["default", "four whole epochs"])
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--write-folder", type=Path, metavar="FOLDER", help="only write digits, 5% with a wrong label")
    parser.add_argument("--doubted", action="store_true", help="only rank 15 test images of MNIST, after `dvc repro`")
    return parser.parse_args()


if __name__ == "__main__":
    run_cli(main)
