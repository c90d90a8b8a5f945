"""Stage 1: fetch a dataset and store its training and test images."""

from pathlib import Path

import numpy as np

from src.common.cli import run_cli
from src.common.files import save_arrays, write_csv
from src.common.params import StageParams
from src.download.params import DownloadParams
from src.download.sources import download_dataset
from src.settings.all_params import read_stage_params

TRAIN = Path("data/download/train.npz")
TEST = Path("data/download/test.npz")
FILES = Path("data/download/files.csv")


class Params(StageParams):
    download: DownloadParams


def main() -> None:
    data = download_dataset(read_stage_params(Params).download)
    fit = np.array(data.fit)
    save_arrays(TRAIN, images=data.train_images, labels=data.train_labels, classes=data.classes, fit=fit)
    save_arrays(TEST, images=data.test_images, labels=data.test_labels, classes=data.classes)
    files = [("train", data.train_files), ("test", data.test_files)]
    write_csv(FILES, ("part", "index", "file"), [(part, *row) for part, names in files for row in enumerate(names)])
    counts = f"{len(data.train_labels):,} training and {len(data.test_labels):,} test images"
    height, width = data.train_images.shape[2:]
    print(f"download: {counts} of {height}x{width} pixels, {len(data.classes)} classes")


if __name__ == "__main__":
    run_cli(main)
