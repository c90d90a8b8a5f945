"""Train an ensemble of networks; a single network is an ensemble of one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any, NamedTuple

import torch

from src.common.artifacts import EpochMetrics
from src.common.dataset import Dataset, Split
from src.common.text import count
from src.network.backbone import BackboneFeatures
from src.network.convnet import Architecture, ConvNet
from src.train.checkpoint import Checkpoint
from src.train.data import select_data
from src.train.params import Plan, TrainSections
from src.train.processes import ALONE, Group
from src.train.runtime import Runtime
from src.train.training import Doubts, best_epoch, train
from src.train.validation import validate_ensemble


class TrainedEnsemble(NamedTuple):
    """The trained networks, their checkpoints, the means of their histories, best epochs and doubts, and the plan.

    The validation loss and accuracy of `best` are those of the mean probabilities.
    """

    networks: list[ConvNet]
    checkpoints: list[Checkpoint]
    history: list[EpochMetrics]
    best: EpochMetrics
    doubts: Doubts
    plan: Plan

    def remove_checkpoints(self) -> None:
        """Delete the checkpoints, which a completed training run no longer needs."""
        for checkpoint in self.checkpoints:
            checkpoint.remove()

    def metrics(self) -> dict[str, Any]:
        """Return the plan, the best epoch and its metrics, leaving out validation metrics after a refit."""
        best = self.best
        metrics = {"plan": self.plan._asdict(), "best_epoch": best.epoch, "train": {"loss": best.train_loss}}
        validation = {"loss": best.validation_loss, "accuracy": best.validation_accuracy}
        return metrics if math.isnan(best.validation_loss) else metrics | {"validation": validation}


def train_ensemble(
    data: Dataset,
    split: Split,
    params: TrainSections,
    runtime: Runtime,
    open_checkpoint: Callable[[int], Checkpoint],
    on_epoch: Callable[[list[EpochMetrics]], None],
    group: Group = ALONE,
    features: BackboneFeatures | None = None,
) -> TrainedEnsemble:
    """Train train.members networks with consecutive seeds, each with its own checkpoint, and print the progress.

    open_checkpoint is called with each seed, on_epoch after every epoch with the current network's history. All
    processes of the group train the same networks. With a backbone, the networks take its features.
    """
    selected = select_data(data, split, params.train, runtime.device, features and features.values)
    shape = data.images.shape[1:]
    architecture = Architecture(
        model=params.model.model_copy(
            update={"conv_channels": params.model.blocks(shape), "hidden_units": params.model.hidden_layers()}
        ),
        image_shape=shape,
        classes=data.classes,
        preprocessing=data.preprocessing,
        backbone=features and features.backbone,
    )
    members = [params.of_member(member) for member in range(params.train.members)]
    networks = [_new_network(architecture, member.train.seed) for member in members]
    print(networks[0].summary())
    if params.train.refit:
        print(f"train: refit on all {len(data.labels):,} images, without validation or early stopping")
    images = len(selected.training.labels)
    plan = params.train.plan(images)
    limit = "" if params.train.refit else "at most "
    epochs = f"{limit}{count('epoch', plan.epochs)} over {images:,} images in batches of {plan.batch_size:,}"
    print(f"train: on {runtime.device} in {runtime.environment.precision}, {epochs}", flush=True)
    checkpoints = [open_checkpoint(member.train.seed) for member in members]
    runs = []
    for number, (member, network, checkpoint) in enumerate(zip(members, networks, checkpoints, strict=True), start=1):
        if len(members) > 1:
            print(f"train: network {number} of {len(members)}, seed {member.train.seed}", flush=True)
        runs.append(train(network, selected, member, runtime.precision, checkpoint, on_epoch, group))
    best = mean_metrics([best_epoch(run.history) for run in runs])
    mean_of = of_ensemble = accuracy = ""
    if len(members) > 1:
        mean_of, of_ensemble = " (mean)", " of the ensemble"
        if selected.validation:
            loss, rate = validate_ensemble([run.learner for run in runs], selected.validation)
            best = replace(best, validation_loss=loss, validation_accuracy=rate)
    if selected.validation:
        images = len(selected.validation.labels)
        accuracy = f", validation accuracy{of_ensemble} {best.validation_accuracy:.2%} on {images:,} images"
    print(f"train: kept the weights of epoch {best.epoch:.3g}{mean_of}{accuracy}")
    # The means over the epochs that all members completed.
    history = [mean_metrics(epochs) for epochs in zip(*(run.history for run in runs), strict=False)]
    doubts = Doubts(*(torch.stack(part).mean(0).cpu() for part in zip(*(run.doubts for run in runs), strict=True)))
    return TrainedEnsemble(networks, checkpoints, history, best, doubts, plan)


def mean_metrics(epochs: Sequence[EpochMetrics]) -> EpochMetrics:
    """Average each column over the epochs."""
    return EpochMetrics(**{name: mean(vars(epoch)[name] for epoch in epochs) for name in vars(epochs[0])})


def _new_network(architecture: Architecture, seed: int) -> ConvNet:
    torch.manual_seed(seed)
    return ConvNet(architecture)
