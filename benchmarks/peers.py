"""Compare this project with programs that people commonly train on MNIST: test accuracy against seconds of training.

Run it from the project's root, on an idle machine, after `dvc repro split`: `python -m benchmarks.peers`, or with the
names of some programs to measure only those again. Each program runs once, in a process of its own, as its users would
run it: with its usual settings (for SVC, C = 10), all 60,000 training images, and no stopping or choosing by the test
accuracy. Programs that train in epochs are evaluated after each; the evaluation is not counted. The notebook, which
takes most of an hour, is not run to its end. This project's accuracies are those of `make accuracy`. Writes
benchmarks/peers.json and docs/img/peers.png; takes three quarters of an hour on two cores.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from torch import Tensor, nn

from benchmarks.accuracy import FIGURES
from benchmarks.rivals import (
    NOTEBOOK_ACCURACY,
    NOTEBOOK_EPOCHS,
    example_network,
    keras_network,
    notebook_network,
    train_one_epoch,
)
from benchmarks.speed import USERS_ENVIRONMENT, train_recipe
from src.common.dataset import Dataset, Split
from src.common.files import write_bytes, write_json
from src.report.plots import to_png
from stages.download import TRAIN
from stages.evaluate import TEST
from stages.split import SPLIT

RESULTS, PLOT = Path("benchmarks/peers.json"), Path("docs/img/peers.png")
KERAS = "Keras's simple convnet"
Scores = Iterator[tuple[float, float]]  # seconds of training so far, and test accuracy


def main() -> None:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in sys.argv[1:] or PROGRAMS:
        command = [sys.executable, "-m", "benchmarks.peers", "--measure", name]
        turn = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=USERS_ENVIRONMENT)
        results[name] = json.loads(turn.stdout)
        write_json(RESULTS, results)  # after each program, since all of them take long
        seconds, accuracy = results[name][-1]
        print(f"{name}: {accuracy:.2%} after {seconds:,.0f} s", flush=True)
    write_bytes(PLOT, to_png(plot(results), dpi=150))


def recipe(name: str) -> Scores:
    """Time the train stage from start to finish; the accuracy is the mean over seeds that `make accuracy` measured."""
    with TemporaryDirectory() as folder:
        minutes = train_recipe(name, Path(folder))
    yield 60 * minutes, statistics.mean(json.loads((FIGURES / f"{name}.json").read_text())["accuracy"])


def notebook() -> Scores:
    """Time one of the 43 epochs after which the notebook's patience ended its training, in one run elsewhere."""
    images, labels = tensors(TRAIN)
    rows = torch.from_numpy(Split.load(SPLIT).train)
    network = notebook_network()
    ((seconds, _),) = epochs_of(network, torch.optim.Adam(network.parameters()), 128, 1, (images[rows], labels[rows]))
    yield NOTEBOOK_EPOCHS * seconds, NOTEBOOK_ACCURACY


def pytorch_example() -> Scores:
    """Train as the mnist program of pytorch/examples does: Adadelta, 14 epochs, a learning rate that decays."""
    network = example_network()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.7)
    return epochs_of(network, optimizer, 64, 14, tensors(TRAIN), schedule.step)


def keras_example() -> Scores:
    """Train as Keras's "Simple MNIST convnet" does, in PyTorch: Adam, 15 epochs, batches of 128."""
    network = keras_network()
    optimizer = torch.optim.Adam(network.parameters())
    return epochs_of(network, optimizer, 128, 15, tensors(TRAIN))


def epochs_of(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    epochs: int,
    data: tuple[Tensor, Tensor],
    after_epoch: Callable[[], None] = lambda: None,
) -> Scores:
    """Train for a number of epochs on images already in memory, and score the network after each."""
    test_images, test_labels = tensors(TEST)
    seconds = 0.0
    for _ in range(epochs):
        start = time.perf_counter()
        order = torch.randperm(len(data[1])).split(batch_size)
        train_one_epoch(network, optimizer, ([data[0][rows], data[1][rows]] for rows in order))
        after_epoch()
        seconds += time.perf_counter() - start
        network.eval()
        with torch.inference_mode():
            predicted = torch.cat([network(images).argmax(1) for images in test_images.split(500)])
        yield seconds, (predicted == test_labels).double().mean().item()


def estimator(make: Callable[[], MLPClassifier | SVC | HistGradientBoostingClassifier]) -> Scores:
    """Fit one of scikit-learn's classifiers to the pixels, scaled to [0, 1]."""
    (images, labels), (test_images, test_labels) = (
        (images.flatten(1).numpy(), labels.numpy()) for images, labels in (tensors(TRAIN), tensors(TEST))
    )
    classifier = make()
    start = time.perf_counter()
    classifier.fit(images, labels)
    seconds = time.perf_counter() - start
    yield seconds, float((classifier.predict(test_images) == test_labels).mean())


def tensors(path: Path) -> tuple[Tensor, Tensor]:
    """Load float images (N, 1, 28, 28) in [0, 1] and labels (N,)."""
    data = Dataset.load(path)
    return torch.from_numpy(data.images).float() / 255, torch.from_numpy(data.labels)


PROGRAMS: dict[str, Callable[[], Scores]] = {
    "this project, default": lambda: recipe("default"),
    "this project, accurate": lambda: recipe("accurate"),
    "pytorch/examples' mnist": pytorch_example,
    KERAS: keras_example,
    "the notebook": notebook,
    "MLPClassifier": lambda: estimator(lambda: MLPClassifier(random_state=0)),
    "SVC": lambda: estimator(lambda: SVC(C=10, cache_size=2000)),
    "gradient-boosted trees": lambda: estimator(lambda: HistGradientBoostingClassifier(random_state=0)),
}


def plot(results: dict[str, list[tuple[float, float]]]) -> Figure:
    """Draw the test accuracy against the seconds of training, both on logarithmic axes."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    colours = iter(["tab:blue", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:gray"])
    for name, scores in results.items():
        seconds, accuracy = np.array(scores).T
        ours = name.startswith("this project")
        colour = "tab:orange" if ours else next(colours)
        axes.plot(seconds, 1 - accuracy, color=colour, linewidth=1)
        last = seconds[-1], 1 - accuracy[-1]
        axes.plot(*last, "*" if ours else "o", color=colour, markersize=12 if ours else 6)
        above = name == KERAS  # beside it is another curve
        axes.annotate(
            name,
            last,
            xytext=(0, 12) if above else (9, 0),
            textcoords="offset points",
            ha="right" if above else "left",
            va="center",
            color=colour,
            fontsize=9,
            weight="bold" if ours else "normal",
        )
    axes.set(xscale="log", yscale="log", ylabel="test accuracy (error on a logarithmic scale)")
    axes.set_xlabel("seconds of training on two cores (logarithmic scale)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(FixedLocator([0.04, 0.03, 0.02, 0.015, 0.01, 0.007, 0.005, 0.004, 0.003]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1 - value:.1%}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(10, 15_000)  # with room for the last label
    axes.set_ylim(0.045, 0.0023)
    axes.grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        torch.manual_seed(0)
        print(json.dumps(list(PROGRAMS[sys.argv[2]]())))
    else:
        main()
