"""Compare the network with a random forest and logistic regression on the pixels of the same images.

Both learn from as many of the network's training images, reduced to at most 32x32 pixels, as they can in about half a
minute. Print a table in Markdown, and judge each difference with McNemar's exact test.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from src.common.artifacts import Prediction
from src.common.cli import run_cli
from src.common.dataset import Dataset, Split
from src.common.errors import UserError, recreate
from src.common.files import read_csv
from src.common.sprites import reduce_images
from src.common.text import count, markdown_table
from src.compare.comparison import mcnemar
from src.compare.git import WORKSPACE
from src.compare.revisions import read_recorded
from stages.evaluate import PREDICTIONS, TEST
from stages.split import SPLIT, TRAIN
from tools import make_parser

SIDE = 32  # pixels
BUDGET = 8_000_000  # pixels of all training images together
ALPHA = 0.05


def main() -> None:
    make_parser("baseline", __doc__).parse_args()
    refit = read_recorded(WORKSPACE).params.get("train.refit")
    train, test, split = Dataset.load(TRAIN), Dataset.load(TEST), Split.load(SPLIT)
    names = np.array(test.classes)[test.labels].tolist()
    predictions = read_csv(PREDICTIONS, Prediction)
    if [row.actual for row in predictions] != names:
        raise UserError(f"{PREDICTIONS} does not match {TEST}; {recreate('evaluate')}")
    ours = np.array([row.actual == row.predicted for row in predictions])
    rows = np.concatenate(split) if refit else split.train
    pixels = reduce(train.images[:1]).shape[1]
    used = np.random.default_rng(0).permutation(rows)[: max(BUDGET // pixels, len(train.classes))]
    inputs, test_inputs = reduce(train.images[used]), reduce(test.images)
    table: list[tuple[Any, ...]] = [("the network", f"{len(rows):,}", f"{ours.mean():.2%}", "", "", "", "")]
    for name, classifier in baselines():
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            classifier.fit(inputs, train.labels[used])
        theirs = classifier.predict(test_inputs) == test.labels
        gained, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
        p_value = mcnemar(gained, lost)
        better = "better" if gained > lost else "worse"
        verdict = better if p_value < ALPHA else "not significantly different"
        table.append((name, f"{len(used):,}", f"{theirs.mean():.2%}", gained, lost, f"{p_value:.2g}", verdict))
    header = (
        "classifier",
        "training images",
        "test accuracy",
        "only the network is right",
        "only the baseline is right",
        "p",
        "the network is",
    )
    print("\n".join(markdown_table(header, table)))
    print(f"McNemar's exact test on {count('test image', len(ours))}, alpha = {ALPHA}.")


def baselines() -> Iterator[tuple[str, Any]]:
    """Yield two of scikit-learn's classifiers, with their names."""
    yield "random forest", RandomForestClassifier(300, n_jobs=-1, random_state=0)
    yield "logistic regression", make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))


def reduce(images: np.ndarray) -> np.ndarray:
    """Return the pixels float32 (N, P) of uint8 images (N, C, H, W), reduced to at most 32x32."""
    return reduce_images(images, SIDE).reshape(len(images), -1).astype(np.float32) / 255


if __name__ == "__main__":
    run_cli(main)
