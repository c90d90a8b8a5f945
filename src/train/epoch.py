"""One epoch of training, or one pass of validation."""

import sys
from collections.abc import Callable
from typing import NoReturn

import torch
from torch import Tensor
from tqdm import tqdm

from src.train.data import LabelledImages
from src.train.learner import Learner

VALIDATION_BATCH = 250  # images; small enough for the processor's caches: 1.7 times as fast as 1,000
LOG_INTERVAL = 10.0  # seconds between progress lines in a log, as that of `dvc queue logs`
CHECK_INTERVAL = 20  # steps between loss checks; each check synchronises a GPU


def train_epoch(
    learner: Learner, data: LabelledImages, transform: Callable[[Tensor], Tensor], name: str, validation_loss: float
) -> tuple[float, float]:
    """Train on every image once, in random order; return the mean loss over images and the last learning rate.

    transform is applied to every batch of images. name labels the progress bar and errors; the bar also shows
    validation_loss, from the previous epoch. Raise ValueError if a loss is not finite, checked every 20 steps.
    """
    learner.network.train()
    order = torch.randperm(len(data.labels)).to(data.labels.device)
    sizes: list[int] = []
    rates: list[float] = []
    losses: list[Tensor] = []
    with make_progress_bar(len(order), name) as progress:
        for images, labels in data.batches(order, learner.batch_size):
            rates.append(learner.learning_rate)
            losses.append(learner.step(transform(images), labels))
            sizes.append(len(labels))
            progress.update(len(labels))
            if len(losses) % CHECK_INTERVAL == 0:
                _check_finite(losses, rates, name)
                progress.set_postfix(loss=f"{losses[-1]:.4f}", validation_loss=f"{validation_loss:.4f}", refresh=False)
    _check_finite(losses, rates, name)
    return (torch.stack(losses).double().cpu() @ torch.tensor(sizes).double() / len(order)).item(), rates[-1]


def make_progress_bar(images: int, name: str) -> "tqdm[NoReturn]":
    """Make a progress bar that is updated continuously in a terminal, and every 10 seconds in a log."""
    interval = 0.1 if sys.stderr.isatty() else LOG_INTERVAL
    return tqdm(total=images, desc=name, unit="image", leave=False, mininterval=interval, delay=interval)


@torch.inference_mode()
def validate(learner: Learner, data: LabelledImages) -> tuple[float, float]:
    """Return the mean loss over images, weighted as in training, and the accuracy."""
    learner.network.eval()
    rows = torch.arange(len(data.labels), device=data.labels.device)
    total = torch.zeros(2, dtype=torch.float64, device=rows.device)
    for images, labels in data.batches(rows, VALIDATION_BATCH):
        log_probabilities = learner.predict(images)
        total[0] += learner.total_loss(log_probabilities, labels).double()
        total[1] += (log_probabilities.argmax(1) == labels).sum()
    loss, accuracy = (total / len(rows)).tolist()
    return loss, accuracy


def _check_finite(losses: list[Tensor], rates: list[float], name: str) -> None:
    not_finite = torch.stack(losses).isfinite().logical_not().nonzero()
    if len(not_finite):
        step = int(not_finite[0])
        raise ValueError(
            f"the loss became {losses[step].item()} in {name}, step {step + 1}, at learning rate {rates[step]:.3g};"
            " try a lower train.learning_rate, or train.precision: fp32"
        )
