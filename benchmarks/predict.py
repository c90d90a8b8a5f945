"""Measure `tools.predict`: the time from its start to the answer for one picture, and images per second in bulk.

Bulk is the exported model alone, on images in memory. For reference, float32 matrix multiplications are timed on the
same machine; the default network takes 32 million floating-point operations for an image.
"""

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.spread import spread
from src.common.dataset import Dataset
from src.export.classifier import load_classifier
from stages.download import TRAIN
from tools.predict import MODEL

ROUNDS = 10
PICTURE = "docs/img/five.jpg"
IMAGES = 5_000
MATRIX = 2_048


def main() -> None:
    classifier = load_classifier(MODEL)
    images = Dataset.load(TRAIN).images[:IMAGES]
    matrix = np.random.default_rng(0).random((MATRIX, MATRIX), np.float32)
    command = [sys.executable, "-m", "tools.predict", PICTURE]
    starts, bulk, products = [], [], []
    for _ in range(ROUNDS):  # taking turns, because the machine may be shared
        starts.append(measure(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)))
        bulk.append(len(images) / measure(lambda: classifier.predict(images)))
        products.append(2 * MATRIX**3 / 1e9 / measure(lambda: matrix @ matrix))
    print(f"one picture, from start to answer: {spread(starts, '.2f')} s")
    print(f"in bulk: {spread(bulk, ',.0f')} images per second")
    print(f"matrix multiplication: {spread(products, '.0f')} GFLOP/s")


def measure(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
