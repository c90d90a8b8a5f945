"""Stage 2: split the data into training and validation sets."""

from pathlib import Path

import numpy as np

from src.common.dataset import Dataset
from src.params.params import read_params
from src.split.stratified import describe_imbalance, split_rows

TRAIN = Path("data/download/train.npz")
SPLIT = Path("data/split/indices.npz")


def main() -> None:
    params = read_params().split
    data = Dataset.load(TRAIN)
    split = split_rows(data, params)
    split.save(SPLIT)
    if len(data.validation):
        print(
            "split: the validation images are those in the data's own validation folder; the parameters of split are"
            " ignored"
        )
    print(f"split: {len(split.train):,} training and {len(split.validation):,} validation images")
    counts = [np.bincount(data.labels[rows], minlength=len(data.classes)) for rows in split]
    for name, training_count, validation_count in zip(data.classes, *counts, strict=True):
        print(f"  {name}: {training_count:,} training, {validation_count:,} validation")
    if warning := describe_imbalance(counts[0], data.classes):
        print(f"split: {warning}")
