"""A network and labelled images in, the network with the weights of its best epoch and a row per epoch out."""

import copy
import math
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from tqdm import tqdm

from src.device import Device, Precision
from src.model import ConvNet
from src.params import Section

VALIDATION_BATCH = 250  # images; small enough for the processor's caches: twice as fast as 1,000


class TrainParams(Section):
    epochs: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "one_cycle"]
    patience: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    device: Device
    precision: Precision


class Epoch(NamedTuple):
    """One row of the history; losses are means over images, accuracy is a share, learning_rate the epoch's last."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


class Images(NamedTuple):
    """Images uint8 (N, C, H, W) and labels int64 (N,), resident on the device."""

    images: Tensor
    labels: Tensor

    def batches(self, rows: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Float images in [0, 1] and labels, size rows at a time, in the order of rows.

        A single row left over joins the batch before it: BatchNorm cannot train on one image.
        """
        parts = list(rows.split(size))
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts[-2:] = [torch.cat(parts[-2:])]
        for part in parts:
            images = self.images[part].to(torch.float32).div_(255)
            yield images.contiguous(memory_format=torch.channels_last), self.labels[part]


def train(
    network: ConvNet, training: Images, validation: Images, params: TrainParams, precision: torch.dtype
) -> list[Epoch]:
    """Train network in place, on the device of the images, and leave it with the weights of its best epoch.

    The best epoch has the lowest validation loss. Training stops early when params.patience epochs in a row have not
    lowered it. Returns the history. ValueError when the loss stops being a finite number.
    """
    device = training.images.device
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in PyTorch's stubs
    optimizer = torch.optim.Adam(network.parameters(), lr=params.learning_rate, fused=True)
    schedule = _schedule(optimizer, params, steps=math.ceil(len(training.labels) / params.batch_size))
    history: list[Epoch] = []
    best_weights: dict[str, Tensor] = {}
    for number in range(1, params.epochs + 1):
        torch.manual_seed(_epoch_seed(params.seed, number))
        train_loss = _train_epoch(network, training, params, precision, optimizer, schedule, number)
        validation_loss, accuracy = _validate(network, validation, precision)
        if not math.isfinite(train_loss + validation_loss):
            raise ValueError(
                f"the loss is no longer a finite number in epoch {number}; try a train.learning_rate lower than"
                f" {params.learning_rate}, or train.precision: fp32"
            )
        history.append(Epoch(number, train_loss, validation_loss, accuracy, optimizer.param_groups[0]["lr"]))
        print(
            f"epoch {number:>3}/{params.epochs}: loss {train_loss:.4f} in training, {validation_loss:.4f} in"
            f" validation; {accuracy:.2%} right",
            flush=True,
        )
        best = best_epoch(history)
        if best.epoch == number:
            best_weights = copy.deepcopy(network.state_dict())
        elif params.patience and number - best.epoch >= params.patience:
            print(f"train: stopped early, the validation loss has not fallen for {params.patience} epochs")
            break
    network.load_state_dict(best_weights)
    return history


def best_epoch(history: list[Epoch]) -> Epoch:
    """The epoch with the lowest validation loss, the first of equals."""
    return min(history, key=lambda epoch: epoch.validation_loss)


def _epoch_seed(seed: int, epoch: int) -> int:
    """Every epoch draws from a seed of its own: order and dropout then do not depend on the epochs before it."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])


def _schedule(optimizer: torch.optim.Optimizer, params: TrainParams, steps: int) -> LRScheduler:
    """The learning rate, step by step; steps: of one epoch."""
    if params.schedule == "one_cycle":
        return OneCycleLR(optimizer, max_lr=params.learning_rate, total_steps=params.epochs * steps + 1)
    return ConstantLR(optimizer, factor=1.0)


def _train_epoch(
    network: ConvNet,
    data: Images,
    params: TrainParams,
    precision: torch.dtype,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler,
    epoch: int,
) -> float:
    """One pass over the data in a random order; the mean loss over its images, each as its batch met it."""
    network.train()
    total = torch.zeros((), dtype=torch.float64, device=data.labels.device)
    order = torch.randperm(len(data.labels)).to(data.labels.device)
    progress = tqdm(total=len(order), desc=f"epoch {epoch}/{params.epochs}", unit="image", leave=False, disable=None)
    with progress:
        for images, labels in data.batches(order, params.batch_size):
            loss = F.nll_loss(_predict(network, images, precision), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach().double() * len(labels)
            progress.update(len(labels))
    return total.item() / len(order)


def _predict(network: ConvNet, images: Tensor, precision: torch.dtype) -> Tensor:
    # Entered anew for every batch: autocast keeps its copies of the weights until it is left.
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        log_probabilities: Tensor = network(images)
    return log_probabilities


@torch.inference_mode()
def _validate(network: ConvNet, data: Images, precision: torch.dtype) -> tuple[float, float]:
    """Mean loss over images, and the share that is right."""
    network.eval()
    rows = torch.arange(len(data.labels), device=data.labels.device)
    total = torch.zeros(2, dtype=torch.float64, device=rows.device)
    for images, labels in data.batches(rows, VALIDATION_BATCH):
        log_probabilities = _predict(network, images, precision)
        total[0] += F.nll_loss(log_probabilities, labels, reduction="sum").double()
        total[1] += (log_probabilities.argmax(1) == labels).sum()
    loss, right = (total / len(rows)).tolist()
    return loss, right
