"""The training of one network: epochs, early stopping, and exact resume."""

import copy
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from src.common.artifacts import EpochMetrics
from src.common.errors import UserError
from src.common.text import count
from src.network.convnet import ConvNet
from src.train.augmentation import augment
from src.train.checkpoint import Checkpoint
from src.train.data import SHORT_EPOCH, TrainingData, derive_seed
from src.train.epoch import train_epoch
from src.train.learner import Learner
from src.train.params import AugmentParams, TrainSections
from src.train.processes import ALONE, Group
from src.train.validation import apply_temperature, recompute_statistics, validate

ADVICE = "corrected labels, more pictures, more augmentation or pretrained features can help; see docs/own-images.md"
UNDERFIT = 0.5  # times the loss of guessing: with a higher training loss, the network has not learned enough yet
SOLVED = 0.99  # validation accuracy at or above which no advice is needed
DECISIVE = range(3, 11)  # epochs in which the network tells the classes apart, but has not yet memorised wrong labels
BACKBONE_ADVICE = "corrected labels, more pictures, a lower train.learning_rate or more model.dropout can help"


class Doubts(NamedTuple):
    """How much the network doubts the label of every training image (N,) and every validation image (V,), float32.

    That is the total probability of the other classes, from 0 to 1, averaged over the epochs DECISIVE; if training ends
    before them, it is that of the last epoch. For an image that an epoch leaves out, its last loss counts again.
    """

    training: Tensor
    validation: Tensor

    def update(self, epoch: int, losses: Iterable[Tensor]) -> None:
        """Update with an epoch; losses: those of the training and of the validation images, without class weights."""
        if epoch >= DECISIVE.stop:
            return
        weight = 1 / (epoch - DECISIVE.start + 1) if epoch in DECISIVE else 1.0  # 1 replaces what was there
        for mean, values in zip(self, losses, strict=True):
            doubts = -torch.expm1(-values)  # 1 - the label's probability
            mean.lerp_(doubts, weight)


class TrainingRun(NamedTuple):
    """The history of a training run, its doubts about the labels, and the learner, with the best epoch's network."""

    history: list[EpochMetrics]
    doubts: Doubts
    learner: Learner


def train(
    network: ConvNet,
    data: TrainingData,
    params: TrainSections,
    precision: torch.dtype,
    checkpoint: Checkpoint,
    on_epoch: Callable[[list[EpochMetrics]], None],
    group: Group = ALONE,
) -> TrainingRun:
    """Train a network in place, and leave it with the weights of its best epoch.

    The best epoch has the lowest validation loss, measured with a temperature that is fitted in that epoch and that the
    final weights include; without validation images, the last epoch is the best. After every epoch, the checkpoint
    holds the complete state; training resumes from an existing checkpoint, bit for bit. on_epoch is called with the
    history after every epoch, and once after resuming. All processes of the group train the same network.
    Raise UserError if augment.clean_epochs is too large or training diverges, OSError if saving a checkpoint fails.
    """
    learner = Learner(network, data.training, params.train, precision, group)
    plan = learner.plan
    if params.augment.enabled and params.augment.clean_epochs >= plan.epochs:
        raise UserError(
            f"augment.clean_epochs = {params.augment.clean_epochs}: must be less than the {plan.epochs} epochs that"
            " train.epochs = auto gives"
        )
    history: list[EpochMetrics] = []
    best_weights: dict[str, Tensor] = {}
    numbers = len(data.training.labels), len(data.validation.labels) if data.validation else 0
    doubts = Doubts(*(torch.zeros(number, device=data.training.labels.device) for number in numbers))
    if state := checkpoint.load(data.training.images.device):
        learner.load_state_dict(state["learner"])
        history = [EpochMetrics(**row) for row in state["history"]]
        best_weights = state["best_weights"]
        doubts = Doubts(*state["doubts"])
        print(f"train: resuming after epoch {len(history)} from {checkpoint.path}", flush=True)
        on_epoch(history)
    while len(history) < plan.epochs and not is_out_of_patience(history, plan.patience):
        epoch = _run_epoch(learner, data, params, history, doubts)
        history.append(epoch)
        if best_epoch(history) is epoch:
            best_weights = copy.deepcopy(network.state_dict())
        rows = list(map(vars, history))
        state = {"learner": learner.state_dict(), "history": rows, "best_weights": best_weights, "doubts": [*doubts]}
        checkpoint.save(state)
        on_epoch(history)
        _print_epoch(epoch, plan.epochs)
    if len(history) < plan.epochs:
        print(f"train: stopped early: no lower validation loss for {count('epoch', plan.patience)}")
    guessing = math.log(len(network.architecture.classes))  # its loss
    if len(history) == plan.epochs and history[-1].train_loss > UNDERFIT * guessing:
        loss = f"{history[-1].train_loss:.2f}, that of guessing {guessing:.2f}"
        print(f"train: the training loss is still {loss}; a larger train.epochs than {plan.epochs} can help")
    elif is_overfitting(history):
        since, advice = best_epoch(history).epoch, BACKBONE_ADVICE if network.architecture.backbone else ADVICE
        print(f"train: the validation loss has not fallen since epoch {since}, but the training loss has; {advice}")
    network.load_state_dict(best_weights)
    apply_temperature(network, best_epoch(history).temperature)
    return TrainingRun(history, doubts, learner)


def best_epoch(history: list[EpochMetrics]) -> EpochMetrics:
    """Return the first epoch with the lowest validation loss; without validation, the last epoch."""
    if math.isnan(history[-1].validation_loss):
        return history[-1]
    return min(history, key=lambda epoch: epoch.validation_loss)


def is_out_of_patience(history: list[EpochMetrics], patience: int) -> bool:
    """Return whether the last `patience` epochs have not lowered the validation loss; False if patience is 0."""
    return bool(patience and history) and history[-1].epoch - best_epoch(history).epoch >= patience


def is_overfitting(history: list[EpochMetrics]) -> bool:
    """Return whether the training loss has fallen, but not the validation loss, for at least a third of the epochs.

    Return False if the best epoch has a validation accuracy that leaves little to gain.
    """
    best, last = best_epoch(history), history[-1]
    if best.validation_accuracy >= SOLVED:
        return False
    return 3 * (last.epoch - best.epoch) >= last.epoch and last.train_loss < best.train_loss


def _run_epoch(
    learner: Learner, data: TrainingData, params: TrainSections, history: list[EpochMetrics], doubts: Doubts
) -> EpochMetrics:
    """Train and validate for one epoch, update the doubts about the labels, and return the metrics."""
    number = len(history) + 1
    torch.manual_seed(derive_seed(params.train.seed, number))
    augmented = number <= learner.plan.epochs - params.augment.clean_epochs
    transform = partial(augment, params=params.augment if augmented else AugmentParams())  # the defaults change nothing
    trained = train_epoch(learner, data.training, number, transform, history[-1].validation_loss if history else None)
    if learner.steps_per_epoch < SHORT_EPOCH:
        recompute_statistics(learner, data.training)
    # With infinite BatchNorm statistics, the validation loss can be finite although training has diverged.
    if not all(value.isfinite().all() for value in learner.network.state_dict().values()):
        raise UserError(f"training diverged in epoch {number}; try a lower train.learning_rate")
    training_losses = learner.unweighted_losses(data.training.labels)
    train_loss, rate = learner.losses.double().mean().item(), learner.learning_rate
    if not data.validation:
        doubts.update(number, (training_losses, training_losses[:0]))
        return EpochMetrics(number, trained, train_loss, math.nan, math.nan, rate, temperature=1.0)
    loss, accuracy, temperature, losses = validate(learner, data.validation)
    if not math.isfinite(loss):
        raise UserError(f"the validation loss became {loss} in epoch {number}; try a lower train.learning_rate")
    doubts.update(number, (training_losses, losses))
    return EpochMetrics(number, trained, train_loss, loss, accuracy, rate, temperature)


def _print_epoch(epoch: EpochMetrics, epochs: int) -> None:
    validation = (
        ""
        if math.isnan(epoch.validation_loss)
        else f", validation loss {epoch.validation_loss:.4f}, validation accuracy {epoch.validation_accuracy:.2%}"
    )
    print(
        f"epoch {epoch.epoch}/{epochs} ({epoch.images:,} images): training loss {epoch.train_loss:.4f}{validation}",
        flush=True,
    )
