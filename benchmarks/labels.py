"""Measure what wrong labels cost, and whether they are found: plant some, train, and test on the right ones.

Run it from the project's root, as `python -m benchmarks.labels`, for MNIST after `dvc repro split`; it prints a table,
each row as soon as it is measured. Labels of training and validation images are changed alike, after the split. `found`
is the number of images in suspects.csv, with the precision and the recall for the planted labels, and `ranked` the
fraction of the n planted labels among the n, 1.5 n and 3 n most suspicious images. cleanlab finds wrong labels by the
predictions of five further training runs. It is not in the project's environment: `pip install --no-deps --target cl
cleanlab==2.9.0 pandas python-dateutil pytz six termcolor tzdata`, then `PYTHONPATH=cl python -m benchmarks.labels
--methods default cleanlab`.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from sklearn.model_selection import StratifiedKFold, train_test_split

from benchmarks.own_images import train_one
from src.common.artifacts import Prediction
from src.common.cli import run_cli
from src.common.dataset import Dataset, Split
from src.common.errors import UserError
from src.common.files import read_csv
from src.download.folder import load_folder
from src.download.sources import load_small_digits
from src.evaluate.evaluation import evaluate
from src.evaluate.prediction import average_probabilities, predict_probabilities
from src.network.backbone import BackboneFeatures, extract_features
from src.network.params import NO_BACKBONE
from src.params.params import Params, default_values, read_recipe
from src.split.stratified import split_rows
from src.train.ensemble import TrainedEnsemble
from src.train.suspects import find_suspects, rank
from stages.evaluate import TEST
from stages.split import SPLIT, TRAIN

PAIRS = {4: 9, 9: 4, 3: 5, 5: 3, 1: 7, 7: 1}  # digits that people confuse
# The test images of MNIST whose label fewer than three of five people confirmed.
# Source: Northcutt et al., Pervasive Label Errors in Test Sets Destabilize Machine Learning Benchmarks, 2021.
DOUBTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
WHOLE = {"train": {"epochs": 4, "skip_easy": 0.0, "patience": 0}}  # takes about as long as the default
NOTEBOOK = {section: read_recipe(Path("recipes/notebook.yaml"))[section] for section in ("model", "augment", "train")}
CLEANLAB = "cleanlab"
METHODS: dict[str, dict[str, dict[str, Any]]] = {
    "default": {}, "four whole epochs": WHOLE, "notebook": NOTEBOOK, CLEANLAB: {},
}  # fmt: skip
FOLDS = 5
IMAGE_SIZE, SMALL_IMAGE_SIZE = 64, 32  # pixels, to which pictures are scaled: with a backbone, and without
RANKED = (1, 1.5, 3)
COLUMNS = (
    *("wrong labels", "parameters", "best epochs", "images trained on", "test accuracy", "mean"),
    *("found", "precision", "recall", "ranked", "seconds"),
)


class Training(NamedTuple):
    """The best epoch, the images trained on in all epochs, and the test accuracy."""

    best_epoch: float
    images: float
    accuracy: float


class Search(NamedTuple):
    """How the planted labels were found."""

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
    data, test, split = load(arguments.dataset, IMAGE_SIZE if arguments.backbone != NO_BACKBONE else SMALL_IMAGE_SIZE)
    features, test_features = (extract_features(arguments.backbone, each.images) for each in (data, test))
    print("| " + " | ".join(COLUMNS) + f" |\n|{'---|' * len(COLUMNS)}")
    for kind in arguments.kinds:
        for fraction in arguments.fractions if kind == "uniform" else filter(None, arguments.fractions):
            for method in arguments.methods:
                searches, seconds = [], []
                trainings: list[Training] = []
                for seed in range(arguments.seeds):
                    noisy = data._replace(labels=plant(data.labels, fraction, kind, 100 + seed, len(data.classes)))
                    wrong, start = noisy.labels != data.labels, time.perf_counter()
                    if method == CLEANLAB:
                        searches.append(score(*find_by_cleanlab(noisy, split, seed), wrong))
                    else:
                        model = {"backbone": arguments.backbone} | METHODS[method].get("model", {})
                        changes = METHODS[method] | {"model": model}
                        ensemble = train(noisy, split, changes, seed, features)
                        inputs = features.values if features else noisy.images
                        listed = find_suspects(noisy, inputs, split, ensemble.doubts, ensemble.networks)
                        ranking = rank(split, ensemble.doubts).rows
                        searches.append(score([suspect.index for suspect in listed], ranking, wrong))
                        trainings.append(summarize(ensemble, test, test_features))
                    seconds.append(time.perf_counter() - start)
                name = f"{fraction:.0%} {kind}" if fraction else "none"
                print(f"| {' | '.join(describe(name, method, trainings, searches, seconds))} |", flush=True)


def rank_test_images(rows: Sequence[Prediction], indices: Sequence[int]) -> list[int]:
    """Return the sorted ranks of test images by their loss; 1 has the highest."""
    order = sorted(rows, key=lambda row: -row.loss)
    return [rank for rank, row in enumerate(order, start=1) if row.index in indices]


def describe(
    name: str, method: str, trainings: list[Training], searches: list[Search], seconds: list[float]
) -> list[str]:
    """Return the cells of a row of the table."""

    def percent(values: list[float]) -> str:
        return f"{mean(values):.1%}"

    images, accuracies = [run.images for run in trainings], [run.accuracy for run in trainings]
    return [
        name,
        method,
        ", ".join(f"{run.best_epoch:g}" for run in trainings),
        f"{mean(images):,.0f}" if images else "",
        ", ".join(f"{accuracy:.2%}" for accuracy in accuracies),
        f"{mean(accuracies):.2%}" if accuracies else "",
        f"{mean(search.found for search in searches):,.0f}",
        percent([search.precision for search in searches]),
        percent([search.recall for search in searches]),
        ", ".join(percent([search.ranked[place] for search in searches]) for place in range(len(RANKED))),
        f"{mean(seconds):.0f}",
    ]


def load(dataset: str, image_size: int) -> tuple[Dataset, Dataset, Split]:
    """Return the training set, the test set and the split, of MNIST, of the digits, or of a folder of pictures."""
    params = Params.model_validate(default_values())
    if dataset == "mnist":
        return Dataset.load(TRAIN), Dataset.load(TEST), Split.load(SPLIT)
    if dataset == "digits":
        train, test = load_small_digits()
    else:
        changes = {"folder": dataset, "image_size": image_size, "channels": 3}
        train, test, *_ = load_folder(params.download.model_copy(update=changes))
    return train, test, split_rows(train, params.split)


def plant(labels: np.ndarray, fraction: float, kind: str, seed: int, classes: int = 10) -> np.ndarray:
    """Change a fraction of the labels (N,): to any other class, or, as "pairs", to the digit they are confused with."""
    generator = np.random.default_rng(seed)
    changed = labels.copy()
    candidates = np.arange(len(labels)) if kind == "uniform" else np.flatnonzero(np.isin(labels, list(PAIRS)))
    rows = generator.choice(candidates, round(fraction * len(labels)), replace=False)
    if kind == "uniform":
        changed[rows] = (labels[rows] + generator.integers(1, classes, len(rows))) % classes
    else:
        changed[rows] = [PAIRS[label] for label in labels[rows].tolist()]
    return changed


def train(
    data: Dataset,
    split: Split,
    changes: dict[str, dict[str, Any]],
    seed: int,
    features: BackboneFeatures | None = None,
) -> TrainedEnsemble:
    """Train with the default parameters and these changes."""
    values = default_values()
    for section, settings in changes.items():
        values[section] |= settings
    values["train"]["seed"] = seed
    return train_one(data, split, Params.model_validate(values), features)


def summarize(ensemble: TrainedEnsemble, test: Dataset, features: BackboneFeatures | None) -> Training:
    images = sum(epoch.images for epoch in ensemble.history)
    params = Params.model_validate(default_values()).evaluate
    return Training(ensemble.best.epoch, images, evaluate(ensemble.networks, test, params, features).metrics.accuracy)


def find_by_cleanlab(data: Dataset, split: Split, seed: int) -> tuple[list[int], np.ndarray]:
    """Return the rows that cleanlab lists, and all rows in its order.

    Each image is predicted by a network that was not trained on it. split: only the size of its validation set is used.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    params = Params.model_validate(default_values())
    probabilities = np.empty((len(data.labels), len(data.classes)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for rest, fold in folds.split(data.labels, data.labels):
        rows, validation = train_test_split(
            rest, test_size=len(split.validation) / len(data.labels), stratify=data.labels[rest], random_state=seed
        )
        ensemble = train(data, Split(rows, validation), {}, seed)
        predicted = predict_probabilities(ensemble.networks, data.images[fold], params.evaluate, torch.device("cpu"))
        probabilities[fold] = average_probabilities(predicted).probabilities
    listed = find_label_issues(data.labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return listed.tolist(), np.argsort(get_label_quality_scores(data.labels, probabilities), kind="stable")


def score(listed: Sequence[int], ranking: np.ndarray, wrong: np.ndarray) -> Search:
    """Return how many rows are listed, precision, recall, and which fractions of wrong rows rank first; wrong: (N,)."""
    count = wrong.sum()
    if not count:
        return Search(len(listed), 0.0, 0.0, [0.0] * len(RANKED))
    hits = wrong[list(listed)].sum()
    ranked = [float(wrong[ranking[: int(factor * count)]].sum() / count) for factor in RANKED]
    return Search(len(listed), float(hits / max(1, len(listed))), float(hits / count), ranked)


def write_folder(folder: Path, fraction: float = 0.0) -> None:
    """Write scikit-learn's digits as PNG files, a fraction of the training images into the folder of a wrong class."""
    if folder.exists():
        raise UserError(f"{folder} exists already; choose another folder, or remove it")
    for part, digits in zip(("train", "test"), load_small_digits(), strict=True):
        labels = plant(digits.labels, fraction, "uniform", seed=0) if part == "train" else digits.labels
        for number, (image, label) in enumerate(zip(digits.images, labels, strict=True)):
            path = folder / part / f"digit {label}" / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0]).save(path)
    print(f"labels: wrote scikit-learn's digits to {folder}, {fraction:.0%} of the training pictures in a wrong folder")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labels", description=__doc__)
    parser.add_argument("--dataset", default="mnist", help="mnist, digits, or a folder of pictures (default: mnist)")
    parser.add_argument("--backbone", default=NO_BACKBONE, metavar="PATH", help="of a pretrained network")
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.0, 0.02, 0.1, 0.3], help="of wrong labels")
    parser.add_argument("--kinds", nargs="+", choices=["uniform", "pairs"], default=["uniform", "pairs"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["default", "four whole epochs"])
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--write-folder", type=Path, metavar="FOLDER", help="only write digits, 5%% with a wrong label")
    parser.add_argument("--doubted", action="store_true", help="only rank 15 test images of MNIST, after `dvc repro`")
    arguments = parser.parse_args()
    if CLEANLAB in arguments.methods and arguments.backbone != NO_BACKBONE:
        parser.error(f"--backbone cannot be combined with {CLEANLAB}")
    return arguments


if __name__ == "__main__":
    run_cli(main)
