"""Stage 1: fetch a dataset and store its training and test images."""

from pathlib import Path

from src.common.artifacts import AppliedDecision, PictureName
from src.common.files import write_csv
from src.download.decisions import read_decisions
from src.download.sources import download_dataset
from src.params.params import read_params

TRAIN = Path("data/download/train.npz")
TEST = Path("data/download/test.npz")
FILES = Path("data/download/files.csv")
DECISIONS = Path("data/download/decisions.csv")
LABELS = Path("labels.csv")


def main() -> None:
    train, test, files, applied = download_dataset(read_params().download, read_decisions(LABELS))
    train.save(TRAIN)
    test.save(TEST)
    write_csv(FILES, PictureName, files)
    write_csv(DECISIONS, AppliedDecision, applied)
    height, width = train.images.shape[2:]
    counts = f"{len(train.labels):,} training and {len(test.labels):,} test images"
    print(f"download: {counts} of {height}x{width} pixels, {len(train.classes)} classes")
