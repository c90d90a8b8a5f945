"""A network together with what updates it: the optimizer and the learning-rate schedule."""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.adamw import adamw

from src.common.errors import UserError
from src.network.convnet import ConvNet
from src.train.data import LabelledImages, split_into_batches
from src.train.params import SMALL_DATA, TrainParams
from src.train.processes import ALONE, Group

BETA1 = 0.9  # of a constant schedule
BETA2, EPSILON = 0.999, 1e-8
RISE = 0.3  # of one_cycle: fraction of the steps until the peak
START, END = 1 / 25, 1 / 250_000  # learning rates, as fractions of the peak
BETA1_ENDS, BETA1_PEAK = 0.95, 0.85  # of one_cycle
EASY = Fraction(9, 10)  # fraction of the images whose loss is below the mean, on MNIST


class Learner:
    """A network in training, with its optimizer, hyperparameters, class weights and precision.

    losses: float32 (N,), the last loss of every training image, weighted as train.class_weights says; infinite before
    the first epoch. group: the processes that share the shards of every batch. Raise UserError if there are fewer than
    two training images for each shard.
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
        self.plan = params.plan(len(data.labels))
        self.precision = precision
        self.group = group
        self.class_weights = _balanced_weights(data.labels) if params.class_weights == "balanced" else None
        self.optimizer = AdamW(network.parameters(), params.weight_decay)
        rows = torch.arange(len(data.labels))  # if no image is left out
        self.steps_per_epoch = len(split_into_batches(rows, self.plan.batch_size, params.shards))
        self.skip_easy = 0.0 if len(data.labels) < SMALL_DATA else params.skip_easy
        self.losses = torch.full((len(data.labels),), torch.inf, device=data.labels.device)
        self.learning_rate = params.learning_rate  # of the last step

    def backpropagate(self, images: Tensor, labels: Tensor, batch_size: int) -> Tensor:
        """Backpropagate the loss of images, which are a batch or one shard of it; batch_size: that of the whole batch.

        Return the loss of each image, float32 (N,), detached.
        """
        losses = self.image_losses(self.predict(images), labels)
        # Divided by the number of images, not by the sum of their weights, which is large in batches with rare classes.
        (losses.sum() / batch_size).backward()
        return losses.detach()

    def update(self, progress: Fraction) -> None:
        """Update the weights with their gradients.

        progress: the number of epochs completed, including the finished fraction of the current one.
        """
        beta1 = BETA1
        if self.params.schedule == "one_cycle":
            step, steps = self._planned_steps(progress), self._planned_steps(Fraction(self.plan.epochs))
            self.learning_rate, beta1 = one_cycle(step, steps, self.params.learning_rate)
        self.optimizer.step(self.learning_rate, beta1)

    def _planned_steps(self, epochs: Fraction) -> float:
        """Return how many steps the schedule plans for this many epochs; the actual number is not known in advance."""
        first = min(epochs, Fraction(1))
        kept = 1 - Fraction(self.skip_easy) * EASY  # the fraction of the images that later epochs use
        return float((first + (epochs - first) * kept) * self.steps_per_epoch)

    def image_losses(self, log_probabilities: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of each image of a batch, float32 (N,), weighted as train.class_weights says."""
        return F.nll_loss(log_probabilities, labels, self.class_weights, reduction="none")

    def unweighted_losses(self, labels: Tensor) -> Tensor:
        """Return losses without class weights; labels: those of all training images, int64 (N,)."""
        return self.losses if self.class_weights is None else self.losses / self.class_weights[labels]

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
    """Return weights float32 (K,) whose mean over all images is 1; every class must have images."""
    counts = torch.bincount(labels)
    return len(labels) / (len(counts) * counts)


class AdamW:
    """AdamW for float32 parameters on one device; the results are those of torch.optim.AdamW with fused=True.

    Creating a torch.optim.Optimizer would import PyTorch's compiler, which takes a second and is not used here.
    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """

    def __init__(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.weight_decay = weight_decay
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float, beta1: float) -> None:
        """Update the parameters with their gradients, then discard the gradients."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        adamw(
            self.parameters,
            gradients,
            self.means,
            self.squares,
            [],
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=BETA2,
            lr=learning_rate,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the tensors that step updates, besides the parameters."""
        return {"means": self.means, "squares": self.squares, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what state_dict returned."""
        self.means, self.squares, self.steps = state["means"], state["squares"], state["steps"]


def one_cycle(step: float, steps: float, peak: float) -> tuple[float, float]:
    """Return the learning rate and beta1 at a step.

    The learning rate rises to the peak and falls to almost zero, like a cosine; beta1 does the opposite. step: 0 to
    steps; both may be fractions, because the number of steps is only an estimate where images are left out. For whole
    numbers, the values are those of PyTorch's OneCycleLR with total_steps = steps + 1.
    Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2018.
    """
    top = RISE * (steps + 1) - 1
    if step <= top:
        position = step / top
        return _cosine(peak * START, peak, position), _cosine(BETA1_ENDS, BETA1_PEAK, position)
    position = (step - top) / (steps - top)
    return _cosine(peak, peak * END, position), _cosine(BETA1_PEAK, BETA1_ENDS, position)


def _cosine(start: float, end: float, position: float) -> float:
    """Interpolate from start, at position 0, to end, at position 1, like a cosine."""
    return end + (start - end) / 2 * (math.cos(math.pi * position) + 1)
