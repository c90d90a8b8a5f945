"""Stage 2: split the data into training and validation sets."""

from pathlib import Path

import numpy as np

from src.common.cli import run_cli
from src.common.files import load_arrays, save_arrays
from src.common.params import StageParams
from src.settings.all_params import read_stage_params
from src.split.params import SplitParams
from src.split.stratified import describe_imbalance, split_rows

TRAIN = Path("data/download/train.npz")
INDICES = Path("data/split/indices.npz")


class Params(StageParams):
    split: SplitParams


def main() -> None:
    params = read_stage_params(Params).split
    data = load_arrays(TRAIN, "labels", "classes")
    labels, classes = data["labels"], data["classes"]
    train, validation = split_rows(labels, classes, params)
    save_arrays(INDICES, train=train, validation=validation)
    print(f"split: {len(train):,} training and {len(validation):,} validation images")
    counts = [np.bincount(labels[rows], minlength=len(classes)) for rows in (train, validation)]
    for name, training_count, validation_count in zip(classes, *counts, strict=True):
        print(f"  {name}: {training_count:,} training, {validation_count:,} validation")
    if warning := describe_imbalance(counts[0], classes):
        print(f"split: {warning}")


if __name__ == "__main__":
    run_cli(main)
