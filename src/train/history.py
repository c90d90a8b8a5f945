"""The training history: what is measured after every epoch."""

import math
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple


class EpochMetrics(NamedTuple):
    """One row of history.csv. Losses are means over images, and learning_rate is that of the epoch's last step.

    images: the number of images trained on. train_loss counts the last loss of every training image, which is from an
    earlier epoch if the image was left out. The validation columns are NaN in a refit, which has no validation images;
    they are measured before the logits are divided by the temperature, which is 1 if no images are left out.
    """

    epoch: int
    images: float
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    temperature: float


def best_epoch(history: list[EpochMetrics]) -> EpochMetrics:
    """Return the first epoch with the lowest validation loss; without validation, the last epoch."""
    return min(history, key=lambda epoch: -epoch.epoch if math.isnan(epoch.validation_loss) else epoch.validation_loss)


def is_out_of_patience(history: list[EpochMetrics], patience: int) -> bool:
    """Return whether the last `patience` epochs have not lowered the validation loss; False if patience is 0."""
    return bool(patience and history) and history[-1].epoch - best_epoch(history).epoch >= patience


def mean_history(histories: Sequence[list[EpochMetrics]]) -> list[EpochMetrics]:
    """Average the histories of an ensemble, epoch by epoch, over the epochs that all of them completed."""
    return [mean_metrics(epochs) for epochs in zip(*histories, strict=False)]


def mean_metrics(epochs: Sequence[EpochMetrics]) -> EpochMetrics:
    """Average each column over the epochs."""
    return EpochMetrics._make(map(mean, zip(*epochs, strict=True)))
