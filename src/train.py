"""A network and labelled images in, the network as it is to be kept and a row per epoch out."""

import copy
import math
from collections.abc import Sequence
from functools import partial
from statistics import mean
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR

from src.augment import AugmentParams, augment
from src.checkpoint import Checkpoint
from src.device import Device, Precision
from src.epoch import Images, split_rows, train_epoch, validate
from src.model import ConvNet
from src.params import Section


class TrainParams(Section):
    epochs: PositiveInt
    batch_size: Annotated[int, Field(ge=2, le=10**6)]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "one_cycle"]
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    patience: Annotated[int, Field(ge=0)]
    refit: bool
    members: Annotated[int, Field(ge=1, le=1000)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    device: Device
    precision: Precision
    threads: Annotated[int, Field(ge=0, le=1024)]


class Epoch(NamedTuple):
    """One row of the history; losses are means over images, accuracy is a share, learning_rate the epoch's last.

    NaN where nothing was held out to validate on.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


def train(
    network: ConvNet,
    training: Images,
    validation: Images | None,
    params: TrainParams,
    augmentation: AugmentParams,
    precision: torch.dtype,
    checkpoint: Checkpoint,
) -> list[Epoch]:
    """Train network in place, on the device of the images, and leave it with the weights of its best epoch.

    The best epoch has the lowest validation loss; without validation images it is the last. Training stops early when
    params.patience epochs in a row have not lowered that loss. After every epoch the checkpoint holds all that going
    on takes; one found there is gone on from, to the same bits. Returns the history. ValueError when the loss stops
    being a finite number, OSError when the checkpoint cannot be written.
    """
    device = training.images.device
    network.to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    schedule = _schedule(optimizer, params, steps=len(split_rows(training.labels, params.batch_size)))
    history: list[Epoch] = []
    best_weights: dict[str, Tensor] = {}
    if state := checkpoint.load(device):
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history = [Epoch(*row) for row in state["history"]]
        best_weights = state["best_weights"]
        print(f"train: going on after epoch {len(history)}, kept in {checkpoint.path}", flush=True)
    while len(history) < params.epochs and not _out_of_patience(history, params.patience):
        number = len(history) + 1
        torch.manual_seed(_epoch_seed(params.seed, number))
        name = f"epoch {number}/{params.epochs}"
        last = history[-1].validation_loss if history else math.nan
        augmented = number <= params.epochs - augmentation.clean_epochs
        transform = partial(augment, params=augmentation) if augmented else _unchanged
        train_loss, rate = train_epoch(
            network, training, params.batch_size, transform, precision, optimizer, schedule, name, last
        )
        validation_loss, accuracy = validate(network, validation, precision) if validation else (math.nan, math.nan)
        if validation and not math.isfinite(validation_loss):
            raise ValueError(f"the validation loss became {validation_loss} in {name}; try a lower train.learning_rate")
        history.append(Epoch(number, train_loss, validation_loss, accuracy, rate))
        if best_epoch(history).epoch == number:
            best_weights = copy.deepcopy(network.state_dict())
        checkpoint.save(
            {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "history": [tuple(epoch) for epoch in history],
                "best_weights": best_weights,
            }
        )
        validated = f", {validation_loss:.4f} in validation; {accuracy:.2%} right" if validation else ""
        print(f"{name}: loss {train_loss:.4f} in training{validated}", flush=True)
    if len(history) < params.epochs:
        print(f"train: stopped early, the validation loss has not fallen for {params.patience} epochs")
    network.load_state_dict(best_weights)
    return history


def best_epoch(history: list[Epoch]) -> Epoch:
    """The epoch with the lowest validation loss, the first of equals; the last where nothing was validated."""
    return min(history, key=lambda epoch: -epoch.epoch if math.isnan(epoch.validation_loss) else epoch.validation_loss)


def mean_history(histories: Sequence[list[Epoch]]) -> list[Epoch]:
    """The mean over members, epoch by epoch, as far as all of them came."""
    return [mean_epoch(epochs) for epochs in zip(*histories, strict=False)]


def mean_epoch(epochs: Sequence[Epoch]) -> Epoch:
    """The mean of every column."""
    return Epoch._make(map(mean, zip(*epochs, strict=True)))


def _unchanged(images: Tensor) -> Tensor:
    return images


def _out_of_patience(history: list[Epoch], patience: int) -> bool:
    return bool(patience and history) and history[-1].epoch - best_epoch(history).epoch >= patience


def _epoch_seed(seed: int, epoch: int) -> int:
    """Every epoch draws from a seed of its own: no generator's state has to outlive an epoch to go on exactly."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])


def _schedule(optimizer: torch.optim.Optimizer, params: TrainParams, steps: int) -> LRScheduler:
    """The learning rate, step by step; steps: of one epoch."""
    if params.schedule == "one_cycle":
        return OneCycleLR(optimizer, max_lr=params.learning_rate, total_steps=params.epochs * steps + 1)
    return ConstantLR(optimizer, factor=1.0)
