"""A network together with what updates it: the optimizer and the learning-rate schedule."""

from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from src.common.errors import UserError
from src.network.convnet import ConvNet
from src.train.data import SHORT_EPOCH, LabelledImages, split_into_batches
from src.train.optimizer import AdamW, one_cycle
from src.train.params import TrainParams
from src.train.processes import ALONE, Group

BETA1 = 0.9  # of a constant schedule
EASY = Fraction(9, 10)  # of the images have a loss below the mean, on MNIST


class Learner:
    """A network in training, with its optimizer, parameters, class weights and precision.

    losses: float32 (N,), the last loss of every training image, weighted as train.class_weights says; infinite before
    the first. group: the processes that share the parts of every batch. Raise UserError if there are fewer than two
    training images for each part.
    """

    def __init__(
        self,
        network: ConvNet,
        data: LabelledImages,
        params: TrainParams,
        precision: torch.dtype,
        group: Group = ALONE,
    ) -> None:
        if len(data.labels) < 2 * params.shards:
            raise UserError(
                f"train.shards = {params.shards}: needs at least {2 * params.shards} training images; found"
                f" {len(data.labels)}"
            )
        self.network = network.to(data.images.device)
        self.params = params
        self.precision = precision
        self.group = group
        self.class_weights = _balanced_weights(data.labels) if params.class_weights == "balanced" else None
        self.optimizer = AdamW(network.parameters(), params.weight_decay)
        # If no image is left out:
        self.steps_per_epoch = len(split_into_batches(data.labels, params.batch_size, params.shards))
        self.skip_easy = params.skip_easy if self.steps_per_epoch >= SHORT_EPOCH else 0.0
        self.losses = torch.full((len(data.labels),), torch.inf, device=data.labels.device)
        self.learning_rate = params.learning_rate  # of the last step

    def step(self, images: Tensor, labels: Tensor, progress: Fraction) -> Tensor:
        """Update the weights from one batch, and return the loss of each image, float32 (N,), detached.

        progress: the number of epochs completed, counting part of the current one.
        """
        losses = self.add_gradients(images, labels, len(labels))
        self.update(progress)
        return losses

    def add_gradients(self, images: Tensor, labels: Tensor, batch: int) -> Tensor:
        """Backpropagate the loss of images from a batch of this many, and return the loss of each image, detached."""
        losses = self.image_losses(self.predict(images), labels)
        # Divided by the number of images and not by the sum of their weights, which is large where rare images are.
        (losses.sum() / batch).backward()
        return losses.detach()

    def update(self, progress: Fraction) -> None:
        """Update the weights with their gradients."""
        beta1 = BETA1
        if self.params.schedule == "one_cycle":
            step, steps = (self._planned_steps(epochs) for epochs in (progress, Fraction(self.params.epochs)))
            self.learning_rate, beta1 = one_cycle(step, steps, self.params.learning_rate)
        self.optimizer.step(self.learning_rate, beta1)

    def _planned_steps(self, epochs: Fraction) -> float:
        """Return how many steps the schedule plans for this many epochs; how many there will be is not known ahead."""
        first = min(epochs, Fraction(1))
        kept = 1 - Fraction(self.skip_easy) * EASY  # of the images, in later epochs
        return float((first + (epochs - first) * kept) * self.steps_per_epoch)

    def image_losses(self, log_probabilities: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of each image of a batch, float32 (N,), weighted as train.class_weights says."""
        return F.nll_loss(log_probabilities, labels, self.class_weights, reduction="none")

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
            "losses": self.losses,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what state_dict returned."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses = state["losses"]


def _balanced_weights(labels: Tensor) -> Tensor:
    """Return weights float32 (K,) of which the mean over all images is 1; every class must have images."""
    counts = torch.bincount(labels)
    return len(labels) / (len(counts) * counts)
