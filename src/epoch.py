"""A network and labelled images in; after one pass over them to train, or to validate, the mean loss out."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from src.model import ConvNet

VALIDATION_BATCH = 250  # images; small enough for the processor's caches: twice as fast as 1,000
LOOK_EVERY = 20  # steps; reading a loss makes a GPU wait


class Images(NamedTuple):
    """Images uint8 (N, C, H, W) and labels int64 (N,), resident on the device."""

    images: Tensor
    labels: Tensor

    def batches(self, rows: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Float images in [0, 1] and labels, batch by batch, in the order of rows."""
        for part in split_rows(rows, size):
            images = self.images[part].to(torch.float32).div_(255)
            yield images.contiguous(memory_format=torch.channels_last), self.labels[part]


def split_rows(rows: Tensor, size: int) -> list[Tensor]:
    """The rows (N,) in batches of size; a single one left over joins the last: BatchNorm cannot train on one image."""
    parts = list(rows.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def train_epoch(
    network: ConvNet,
    data: Images,
    batch_size: int,
    transform: Callable[[Tensor], Tensor],
    precision: torch.dtype,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler,
    name: str,
    validation_loss: float,
) -> tuple[float, float]:
    """One pass over the data in a random order; the mean loss over its images, each as its batch met it, and the last
    learning rate.

    transform: what each batch of images goes through first. name: what the progress bar and errors call the pass; the
    bar shows validation_loss, the last one known, beside the loss. ValueError when a loss is no longer a finite number.
    """
    network.train()
    order = torch.randperm(len(data.labels)).to(data.labels.device)
    sizes: list[int] = []
    rates: list[float] = []
    losses: list[Tensor] = []
    with tqdm(total=len(order), desc=name, unit="image", leave=False, disable=None) as progress:
        for images, labels in data.batches(order, batch_size):
            loss = F.nll_loss(_predict(network, transform(images), precision), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sizes.append(len(labels))
            rates.append(optimizer.param_groups[0]["lr"])
            losses.append(loss.detach())
            schedule.step()
            progress.update(len(labels))
            if len(losses) % LOOK_EVERY == 0:
                _check_finite(losses, rates, name)
                progress.set_postfix(loss=f"{losses[-1]:.4f}", validation_loss=f"{validation_loss:.4f}")
    _check_finite(losses, rates, name)
    return (torch.stack(losses).double().cpu() @ torch.tensor(sizes).double() / len(order)).item(), rates[-1]


@torch.inference_mode()
def validate(network: ConvNet, data: Images, precision: torch.dtype) -> tuple[float, float]:
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


def _predict(network: ConvNet, images: Tensor, precision: torch.dtype) -> Tensor:
    # Entered anew for every batch: autocast keeps its copies of the weights until it is left.
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        log_probabilities: Tensor = network(images)
    return log_probabilities


def _check_finite(losses: list[Tensor], rates: list[float], name: str) -> None:
    wrong = torch.stack(losses).isfinite().logical_not().nonzero()
    if len(wrong):
        step = int(wrong[0])
        raise ValueError(
            f"the loss became {losses[step].item()} in {name}, step {step + 1}, at learning rate {rates[step]:.3g};"
            " try a lower train.learning_rate, or train.precision: fp32"
        )
