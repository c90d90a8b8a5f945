"""Train an ensemble of networks; a single network is an ensemble of one."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from src.network.convnet import Architecture, ConvNet
from src.network.model_file import encode_networks
from src.train.checkpoint import Checkpoint
from src.train.data import select_data
from src.train.history import EpochMetrics, best_epoch, mean_history, mean_metrics
from src.train.params import TrainStageParams
from src.train.processes import ALONE, Group
from src.train.runtime import Runtime
from src.train.training import train


class TrainedEnsemble(NamedTuple):
    """The trained networks with their checkpoints, and the means of their histories and of their best epochs."""

    networks: list[ConvNet]
    checkpoints: list[Checkpoint]
    history: list[EpochMetrics]
    best: EpochMetrics

    def model_file(self) -> bytes:
        """Encode the networks."""
        return encode_networks(self.networks)

    def remove_checkpoints(self) -> None:
        """Delete the checkpoints, which a completed training run no longer needs."""
        for checkpoint in self.checkpoints:
            checkpoint.remove()

    def metrics(self) -> dict[str, Any]:
        """Return the best epoch and its metrics, leaving out validation metrics after a refit."""
        best = self.best
        metrics = {"best_epoch": best.epoch, "train": {"loss": best.train_loss}}
        validation = {"loss": best.validation_loss, "accuracy": best.validation_accuracy}
        return metrics if math.isnan(best.validation_loss) else metrics | {"validation": validation}


def train_ensemble(
    arrays: dict[str, np.ndarray],
    rows: dict[str, np.ndarray],
    params: TrainStageParams,
    runtime: Runtime,
    open_checkpoint: Callable[[int], Checkpoint],
    on_epoch: Callable[[list[EpochMetrics]], None],
    group: Group = ALONE,
) -> TrainedEnsemble:
    """Train train.members networks with consecutive seeds, each with its own checkpoint, and print the progress.

    arrays: `images` uint8 (N, C, H, W), `labels` int64 (N,), `classes` str (K,) and `fit` str (); rows: `train` and
    `validation`, int64. open_checkpoint is called with each seed, on_epoch after every epoch with the current
    network's history. All processes of the group train the same networks.
    """
    data = select_data(arrays, rows, params.train, runtime.device)
    shape, classes = arrays["images"].shape[1:], arrays["classes"].tolist()
    architecture = Architecture(model=params.model, image_shape=shape, classes=classes, fit=arrays["fit"].item())
    members = [params.of_member(member) for member in range(params.train.members)]
    networks = [_new_network(architecture, member.train.seed) for member in members]
    print(networks[0].summary())
    if params.train.refit:
        print(f"train: refit on all {len(data.training.labels):,} images, without validation or early stopping")
    limit = "" if params.train.refit else "at most "
    epochs = f"{params.train.epochs} epoch{'s'[: params.train.epochs > 1]}"
    precision = runtime.environment["precision"]
    print(f"train: on {runtime.device} in {precision}, {limit}{epochs}", flush=True)
    checkpoints = [open_checkpoint(member.train.seed) for member in members]
    histories = []
    for number, (member, network, checkpoint) in enumerate(zip(members, networks, checkpoints, strict=True), start=1):
        if len(members) > 1:
            print(f"train: network {number} of {len(members)}, seed {member.train.seed}", flush=True)
        histories.append(train(network, data, member, runtime.precision, checkpoint, on_epoch, group))
    best = mean_metrics([best_epoch(history) for history in histories])
    mean = " (mean)" if len(members) > 1 else ""
    accuracy = f", validation accuracy {best.validation_accuracy:.2%}" if data.validation else ""
    print(f"train: kept the weights of epoch {best.epoch:.3g}{mean}{accuracy}")
    return TrainedEnsemble(networks, checkpoints, mean_history(histories), best)


def _new_network(architecture: Architecture, seed: int) -> ConvNet:
    torch.manual_seed(seed)
    return ConvNet(architecture)
