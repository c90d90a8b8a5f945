import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from src.common.artifacts import EpochMetrics
from src.common.dataset import Split
from src.network.convnet import to_input
from src.train.checkpoint import Checkpoint
from src.train.ensemble import TrainedEnsemble, mean_metrics, train_ensemble
from src.train.runtime import Runtime
from src.train.training import best_epoch
from tests.builders import make_dataset, make_environment, make_images, make_train_params

RUNTIME = Runtime(torch.device("cpu"), torch.float32, make_environment())


def fit_ensemble(folder: Path, seen: list[list[EpochMetrics]] | None = None, **changes: Any) -> TrainedEnsemble:
    """Train on 100 of 160 images; seen collects what on_epoch is called with."""
    images, labels = (tensor.numpy() for tensor in make_images(160))
    data = make_dataset(images, labels, ["left", "right"])
    split = Split(np.arange(100), np.arange(100, 160))
    histories: list[list[EpochMetrics]] = [] if seen is None else seen
    return train_ensemble(
        data,
        split,
        make_train_params(**changes),
        RUNTIME,
        partial(Checkpoint, folder, "test"),
        lambda history: histories.append(list(history)),
    )


def test_the_members_are_the_networks_that_consecutive_seeds_give_alone(tmp_path: Path) -> None:
    ensemble = fit_ensemble(tmp_path / "both", members=2, seed=3)
    alone = [fit_ensemble(tmp_path / f"{seed}", seed=seed) for seed in (3, 4)]
    for member, single in zip(ensemble.networks, alone, strict=True):
        expected = single.networks[0].state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in member.state_dict().items())
    means = [mean_metrics(epochs) for epochs in zip(*(single.history for single in alone), strict=True)]
    assert ensemble.history == means
    assert ensemble.best.train_loss == pytest.approx(np.mean([single.best.train_loss for single in alone]))


def test_validation_metrics_are_those_of_the_mean_probabilities(tmp_path: Path) -> None:
    ensemble = fit_ensemble(tmp_path, members=3)
    images, labels = (tensor[100:] for tensor in make_images(160))
    with torch.inference_mode():
        outputs = [network.eval()(to_input(images, torch.device("cpu"))).exp() for network in ensemble.networks]
    mean = torch.stack(outputs).mean(0)
    assert ensemble.best.validation_loss == pytest.approx(F.nll_loss(mean.log(), labels).item(), rel=1e-5)
    assert ensemble.best.validation_accuracy == (mean.argmax(1) == labels).double().mean()
    assert ensemble.metrics()["validation"]["loss"] < best_epoch(ensemble.history).validation_loss


def test_on_epoch_gets_the_history_of_the_current_network(tmp_path: Path) -> None:
    seen: list[list[EpochMetrics]] = []
    fit_ensemble(tmp_path, seen, members=2, epochs=2)
    assert [len(history) for history in seen] == [1, 2, 1, 2]
    assert seen[1] != seen[3]


def test_metrics_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    ensemble = fit_ensemble(tmp_path)
    best = best_epoch(ensemble.history)
    assert ensemble.metrics() == {
        "plan": {"epochs": 3, "batch_size": 16, "patience": 0},
        "best_epoch": best.epoch,
        "train": {"loss": best.train_loss},
        "validation": {"loss": best.validation_loss, "accuracy": best.validation_accuracy},
    }


def test_a_refit_trains_on_all_images_and_has_no_validation_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensemble = fit_ensemble(tmp_path, refit=True)
    assert ensemble.metrics().keys() == {"plan", "best_epoch", "train"}
    assert all(math.isnan(epoch.validation_loss) for epoch in ensemble.history)
    output = capsys.readouterr().out
    assert "refit on all 160 images, without validation or early stopping" in output
    assert "validation accuracy" not in output


def test_the_checkpoints_hold_the_state_until_they_are_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = fit_ensemble(tmp_path, members=2)
    capsys.readouterr()
    resumed = fit_ensemble(tmp_path, members=2)
    assert capsys.readouterr().out.count("resuming after epoch 3") == 2
    assert resumed.history == first.history
    for checkpoint in resumed.checkpoints:
        checkpoint.remove()
    assert not any(tmp_path.iterdir())


def test_the_history_of_an_ensemble_is_the_mean_over_the_epochs_that_all_members_completed(tmp_path: Path) -> None:
    one, other = EpochMetrics(1, 100, 4.0, 2.0, 0.5, 0.1, 1.0), EpochMetrics(1, 50, 2.0, 4.0, 0.25, 0.1, 1.0)
    assert mean_metrics([one, other]) == EpochMetrics(1, 75, 3.0, 3.0, 0.375, 0.1, 1.0)
    alone = [fit_ensemble(tmp_path, seed=seed, epochs=20, patience=1).history for seed in (0, 1)]
    assert len(alone[0]) != len(alone[1])
    ensemble = fit_ensemble(tmp_path, members=2, epochs=20, patience=1)
    assert len(ensemble.history) == min(map(len, alone))
