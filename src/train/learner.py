"""A network together with what updates it: the optimizer and the learning-rate schedule."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR

from src.network.convnet import ConvNet
from src.train.data import LabelledImages, split_into_batches
from src.train.params import TrainParams


class Learner:
    """A network in training, with its optimizer, learning-rate schedule, class weights and precision."""

    def __init__(self, network: ConvNet, data: LabelledImages, params: TrainParams, precision: torch.dtype) -> None:
        self.network = network.to(data.images.device)
        self.batch_size = params.batch_size
        self.precision = precision
        self.class_weights = _balanced_weights(data.labels) if params.class_weights == "balanced" else None
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay, fused=True
        )
        self.steps_per_epoch = len(split_into_batches(data.labels, params.batch_size))
        self.schedule = _make_schedule(self.optimizer, params, self.steps_per_epoch)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Update the weights from one batch, and return its mean loss, detached."""
        # Divided by the number of images and not by the sum of their weights, which is large where rare images are.
        loss = self.total_loss(self.predict(images), labels) / len(labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    def total_loss(self, log_probabilities: Tensor, labels: Tensor) -> Tensor:
        """Sum the loss over the images of a batch, each weighted as train.class_weights says."""
        return F.nll_loss(log_probabilities, labels, self.class_weights, reduction="sum")

    def predict(self, images: Tensor) -> Tensor:
        """Compute log-probabilities float32 (N, K) of a batch of float images."""
        # Re-entered for every batch: autocast caches its copies of the weights until it exits.
        with torch.autocast(images.device.type, self.precision, enabled=self.precision != torch.float32):
            log_probabilities: Tensor = self.network(images)
        return log_probabilities

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to continue training exactly."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what state_dict returned."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])


def _balanced_weights(labels: Tensor) -> Tensor:
    """Return weights float32 (K,) of which the mean over all images is 1; every class must have images."""
    counts = torch.bincount(labels)
    return len(labels) / (len(counts) * counts)


def _make_schedule(optimizer: torch.optim.Optimizer, params: TrainParams, steps_per_epoch: int) -> LRScheduler:
    if params.schedule == "one_cycle":
        return OneCycleLR(optimizer, max_lr=params.learning_rate, total_steps=params.epochs * steps_per_epoch + 1)
    return ConstantLR(optimizer, factor=1.0)
