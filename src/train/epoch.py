"""One epoch of training, or one pass of validation."""

import sys
from collections.abc import Callable
from fractions import Fraction
from typing import NoReturn

import torch
from torch import Tensor
from tqdm import tqdm

from src.common.errors import UserError
from src.train.calibration import fit_temperature
from src.train.data import LabelledImages, split_into_batches
from src.train.learner import Learner
from src.train.sharding import step_in_parts
from src.train.skipping import draw_order

VALIDATION_BATCH = 250  # images; small enough for the processor's caches: 1.7 times as fast as 1,000
LOG_INTERVAL = 10.0  # seconds between progress lines in a log, as that of `dvc queue logs`
CHECK_INTERVAL = 20  # steps between loss checks; each check synchronises a GPU


def train_epoch(
    learner: Learner, data: LabelledImages, number: int, transform: Callable[[Tensor], Tensor], validation_loss: float
) -> int:
    """Train once on every image that is not left out, in random order; return how many images that was.

    number: 1 for the first epoch. transform is applied to every batch of images. The progress bar also shows
    validation_loss, from the previous epoch. Raise UserError if a loss is not finite, checked every 20 steps.
    """
    learner.network.train()
    params = learner.params
    name = f"epoch {number}/{params.epochs}"
    order = draw_order(learner.losses, learner.skip_easy, params.batch_size)
    batches = split_into_batches(order, params.batch_size, params.shards)
    rates: list[float] = []
    losses: list[Tensor] = []
    with make_progress_bar(len(order), name) as progress:
        for step, rows in enumerate(batches):
            epochs = number - 1 + Fraction(step, len(batches))
            if params.shards == 1:
                images, labels = data.select(rows)
                losses.append(learner.step(transform(images), labels, epochs))
            else:
                seed = (params.seed, number, step + 1)
                losses.append(step_in_parts(learner, data, rows, transform, epochs, seed))
            rates.append(learner.learning_rate)
            progress.update(len(rows))
            if len(losses) % CHECK_INTERVAL == 0:
                _check_finite(losses, rates, name)
                loss = f"{losses[-1].mean():.4f}"
                progress.set_postfix(loss=loss, validation_loss=f"{validation_loss:.4f}", refresh=False)
    _check_finite(losses, rates, name)
    learner.losses[order] = torch.cat(losses)
    return len(order)


def make_progress_bar(images: int, name: str) -> "tqdm[NoReturn]":
    """Make a progress bar that is updated continuously in a terminal, and every 10 seconds in a log."""
    interval = 0.1 if sys.stderr.isatty() else LOG_INTERVAL
    return tqdm(total=images, desc=name, unit="image", leave=False, mininterval=interval, delay=interval)


@torch.inference_mode()
def validate(learner: Learner, data: LabelledImages) -> tuple[float, float, float]:
    """Return the mean loss over images, weighted as in training, the accuracy, and a temperature.

    The temperature is the one that calibrates the network if easy images are left out of training, and otherwise 1.
    """
    learner.network.eval()
    log_probabilities = _predict_all(learner, data)
    loss = learner.image_losses(log_probabilities, data.labels).double().mean().item()
    accuracy = (log_probabilities.argmax(1) == data.labels).double().mean().item()
    return loss, accuracy, fit_temperature(log_probabilities, data.labels) if learner.skip_easy else 1.0


def _predict_all(learner: Learner, data: LabelledImages) -> Tensor:
    """Compute log-probabilities float32 (N, K) of all images, sharing whole batches among the processes."""
    device, group = data.labels.device, learner.group
    batches = split_into_batches(torch.arange(len(data.labels), device=device), VALIDATION_BATCH)
    predicted = [learner.predict(data.select(rows)[0]) for rows in group.share(batches)]
    if group.size > 1:
        shares = group.gather_objects([values.cpu() for values in predicted])
        predicted = [values.to(device) for share in shares for values in share]
    return torch.cat(predicted)


def _check_finite(losses: list[Tensor], rates: list[float], name: str) -> None:
    if not torch.cat(losses).isfinite().all():
        step = next(step for step, batch in enumerate(losses) if not batch.isfinite().all())
        raise UserError(
            f"the loss became {losses[step].mean().item()} in {name}, step {step + 1}, at learning rate"
            f" {rates[step]:.3g}; try a lower train.learning_rate, or train.precision: fp32"
        )
