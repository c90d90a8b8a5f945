"""Stage 1, download: the name of a dataset -> its training and test images, labels and class names."""

from pathlib import Path

from src.download import DownloadParams, download
from src.files import save_arrays
from src.params import Sections, read_params
from src.run import run

TRAIN = Path("data/download/train.npz")
TEST = Path("data/download/test.npz")


class Params(Sections):
    download: DownloadParams


def main() -> None:
    params = read_params(Params).download
    data = download(params)
    save_arrays(TRAIN, images=data.train_images, labels=data.train_labels, classes=data.classes)
    save_arrays(TEST, images=data.test_images, labels=data.test_labels, classes=data.classes)
    counts = f"{len(data.train_labels):,} training and {len(data.test_labels):,} test images"
    height, width = data.train_images.shape[2:]
    print(f"download: {counts} of {height}x{width}, {len(data.classes)} classes")


if __name__ == "__main__":
    run(main)
