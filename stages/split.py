"""Stage 2, split: training labels -> which rows train and which validate."""

from pathlib import Path

import numpy as np

from src.files import load_arrays, save_arrays
from src.params import Sections, read_params
from src.run import run
from src.split import SplitParams, stratified_split

TRAIN = Path("data/download/train.npz")
INDICES = Path("data/split/indices.npz")


class Params(Sections):
    split: SplitParams


def main() -> None:
    params = read_params(Params).split
    data = load_arrays(TRAIN, "labels", "classes")
    labels, classes = data["labels"], data["classes"]
    train, validation = stratified_split(labels, classes, params)
    save_arrays(INDICES, train=train, validation=validation)
    print(f"split: {len(train):,} to train, {len(validation):,} to validate")
    counts = [np.bincount(labels[side], minlength=len(classes)) for side in (train, validation)]
    for name, to_train, to_validate in zip(classes, *counts, strict=True):
        print(f"  {name}: {to_train:,} and {to_validate:,}")


if __name__ == "__main__":
    run(main)
