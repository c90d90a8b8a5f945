import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from src.common.artifacts import EpochMetrics
from src.common.errors import UserError
from src.network.convnet import ConvNet
from src.train import epoch, learner, training
from src.train.checkpoint import Checkpoint
from src.train.data import LabelledImages, TrainingData, derive_seed
from src.train.params import AugmentParams
from src.train.training import Doubts, best_epoch, is_out_of_patience, is_overfitting, train
from tests.builders import (
    AUGMENTATION,
    NO_AUGMENTATION,
    make_epochs,
    make_images,
    make_imbalanced,
    make_tiny_network,
    make_train_params,
)

DIVERGING: dict[str, Any] = {"learning_rate": 0.5, "schedule": "constant"}  # gets worse again within 12 epochs


class StoppedError(Exception):
    """Raised by a test to stop a training run."""


class StoppingCheckpoint(Checkpoint):
    """Stops training after it has saved an epoch."""

    def save(self, state: dict[str, Any]) -> None:
        super().save(state)
        raise StoppedError


def make_data() -> TrainingData:
    return TrainingData(make_images(100), make_images(60, seed=1))


def ignore(_: list[EpochMetrics]) -> None:
    pass


def fit(
    precision: torch.dtype = torch.float32, training: LabelledImages | None = None, **changes: Any
) -> tuple[ConvNet, list[EpochMetrics]]:
    """Train the tiny network; returns it with its history."""
    network = make_tiny_network()
    data = TrainingData(training or make_images(100), make_images(60, seed=1))
    with TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder), "test")
        return network, train(network, data, make_train_params(**changes), precision, checkpoint, ignore).history


def same_weights(one: ConvNet, other: ConvNet) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def test_training_improves_the_network_and_reports_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    _, history = fit(epochs=8)
    assert [epoch.epoch for epoch in history] == list(range(1, 9))
    assert history[-1].validation_accuracy > 0.9
    assert history[-1].train_loss < history[0].train_loss
    output = capsys.readouterr().out
    assert output.count("epoch ") == 8
    assert "training loss is still" not in output


def test_training_that_is_too_short_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    _, history = fit(epochs=2, learning_rate=1e-5)
    loss = f"{history[-1].train_loss:.2f}, that of guessing 0.69"
    assert f"the training loss is still {loss}; a larger train.epochs than 2 can help" in capsys.readouterr().out


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_weights_depend_on_the_seed_alone(precision: torch.dtype) -> None:
    (first, history), (again, history_again), (other, _) = (fit(precision, seed=seed) for seed in (0, 0, 1))
    assert history == history_again
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_augmentation_changes_the_training(tmp_path: Path) -> None:
    def train_one(augment: dict[str, float]) -> ConvNet:
        network, checkpoint = make_tiny_network(), Checkpoint(tmp_path, f"rotation {augment['rotation']}")
        train(network, make_data(), make_train_params(augment, epochs=2), torch.float32, checkpoint, ignore)
        return network

    assert not same_weights(train_one(AUGMENTATION), train_one(NO_AUGMENTATION))


def test_the_last_epochs_are_not_augmented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    augmented: list[int] = []  # images per batch
    after_epoch: list[int] = []

    def count(images: Tensor, params: AugmentParams) -> Tensor:
        augmented.append(len(images) if params.enabled else 0)
        return images

    monkeypatch.setattr(training, "augment", count)
    params = make_train_params(AUGMENTATION | {"clean_epochs": 2}, epochs=4)
    checkpoint = Checkpoint(tmp_path, "test")
    train(
        make_tiny_network(),
        make_data(),
        params,
        torch.float32,
        checkpoint,
        lambda _: after_epoch.append(sum(augmented)),
    )
    assert after_epoch == [100, 200, 200, 200]


def test_a_refit_keeps_the_last_epoch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    network, data = make_tiny_network(), TrainingData(make_images(100), None)
    params = make_train_params(patience=1)
    history = train(network, data, params, torch.float32, Checkpoint(tmp_path, "test"), ignore).history
    assert all(math.isnan(value) for epoch in history for value in (epoch.validation_loss, epoch.validation_accuracy))
    assert best_epoch(history).epoch == 3
    assert "validation" not in capsys.readouterr().out


def test_the_weights_of_the_best_epoch_are_kept_and_calibrated() -> None:
    network, history = fit(epochs=12, **DIVERGING)
    best = best_epoch(history)
    assert best.epoch < 12, "the test needs a training run that gets worse again"
    held_out = make_images(60, seed=1)
    with torch.no_grad():
        calibrated = network.eval()(held_out.images / 255)
    before = F.log_softmax(calibrated * best.temperature, dim=1)
    assert F.nll_loss(calibrated, held_out.labels).item() == pytest.approx(best.validation_loss, rel=1e-5)
    assert F.nll_loss(before, held_out.labels).item() != pytest.approx(best.validation_loss, rel=1e-3)
    assert best.validation_loss == min(epoch.validation_loss for epoch in history)


def test_training_stops_early_when_out_of_patience(capsys: pytest.CaptureFixture[str]) -> None:
    _, history = fit(epochs=60, patience=2, **DIVERGING)
    assert len(history) == best_epoch(history).epoch + 2 < 60
    assert "stopped early: no lower validation loss for 2 epochs" in capsys.readouterr().out


def test_the_training_loss_is_the_mean_over_images(tmp_path: Path) -> None:
    """Use a rate too small to change anything; a short last batch must weigh no more than its images."""
    network = make_tiny_network(dropout=0)
    data = make_images(40)
    params = make_train_params(learning_rate=1e-30, batch_size=32, epochs=1)
    history = train(
        network, TrainingData(data, data), params, torch.float32, Checkpoint(tmp_path, "test"), ignore
    ).history
    network = make_tiny_network(dropout=0).train()  # without the temperature
    torch.manual_seed(derive_seed(0, 1))
    total = 0.0
    for rows in torch.randperm(40).split(32):
        total += F.nll_loss(network(data.images[rows] / 255), data.labels[rows], reduction="sum").item()
    assert history[0].train_loss == pytest.approx(total / 40, rel=1e-6)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_balanced_weights_raise_the_recall_of_a_rare_class(precision: torch.dtype) -> None:
    images, labels = make_images(400, seed=2)
    recall = {}
    for class_weights in ("none", "balanced"):
        network, _ = fit(precision, training=make_imbalanced(200, 8), class_weights=class_weights)
        with torch.no_grad():
            recall[class_weights] = network.eval()(images[labels == 1] / 255).argmax(1).double().mean()
    assert recall["none"] < 0.2
    assert recall["balanced"] > 0.9


@pytest.mark.parametrize("count", [2, 16, 17, 33])
def test_any_number_of_images_can_be_trained_on(count: int) -> None:
    """BatchNorm cannot train on a single image, which would be left over from some of these numbers."""
    _, history = fit(training=make_images(count), epochs=1)
    assert math.isfinite(history[0].train_loss)


def test_learning_rate_schedules() -> None:
    _, constant = fit(schedule="constant")
    assert {epoch.learning_rate for epoch in constant} == {0.01}
    for count in (100, 33):  # of 33 images, the one left over is not a batch of its own
        _, cycle = fit(schedule="one_cycle", epochs=10, training=make_images(count))
        rates = [epoch.learning_rate for epoch in cycle]
        assert max(rates) == pytest.approx(0.01, rel=0.1)
        assert rates[-1] < 2e-4


def test_easy_images_are_left_out_after_the_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "SMALL_DATA", 1)
    _, history = fit(epochs=8, skip_easy=0.9)
    images = [epoch.images for epoch in history]
    assert images[0] == 100
    assert max(images[1:]) < 100
    assert sum(images[1:]) < 7 * 60
    rates = [epoch.learning_rate for epoch in history]
    assert rates == sorted(rates, reverse=True)  # the first epoch is long enough to pass the peak
    assert rates[-1] < 2e-4  # the schedule reaches its end, with however few steps


def test_training_that_learns_by_heart_is_recognised() -> None:
    falling = [dataclasses.replace(epoch, train_loss=1 / epoch.epoch) for epoch in make_epochs(0.5, 0.3, 0.4, 0.5)]
    assert is_overfitting(falling)
    assert not is_overfitting(falling[:2])
    assert not is_overfitting([dataclasses.replace(epoch, validation_accuracy=1.0) for epoch in falling])
    assert not is_overfitting(make_epochs(0.5, 0.3, 0.4, 0.5))  # the training loss has not fallen either
    assert not is_overfitting(make_epochs(*[math.nan] * 4))


def test_small_datasets_are_used_whole() -> None:
    assert fit(epochs=3, skip_easy=0.9)[1] == fit(epochs=3)[1]


def test_the_training_loss_counts_the_last_loss_of_images_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a rate too small to change anything, and no dropout: the losses differ only by the batch's statistics."""
    monkeypatch.setattr(learner, "SMALL_DATA", 1)
    _, history = fit(epochs=3, skip_easy=0.9, learning_rate=1e-30)
    assert history[-1].images < 60
    assert history[-1].train_loss == pytest.approx(history[0].train_loss, rel=0.1)


def test_a_loss_that_is_not_finite_ends_training_with_advice() -> None:
    with pytest.raises(UserError, match=r"in epoch 1/3, step 2, at learning rate 1e\+30; try a lower"):
        fit(learning_rate=1e30, schedule="constant")


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("schedule", "class_weights", "skip_easy"), [("constant", "none", 0.0), ("one_cycle", "balanced", 0.8)]
)
def test_a_resumed_training_gives_the_same_bits(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: torch.dtype,
    schedule: str,
    class_weights: str,
    skip_easy: float,
) -> None:
    monkeypatch.setattr(learner, "SMALL_DATA", 1)
    monkeypatch.setattr(epoch, "find_wrong", lambda losses, _, number: losses > losses.quantile(1 - number / 20))
    params = make_train_params(
        AUGMENTATION, epochs=5, schedule=schedule, class_weights=class_weights, skip_easy=skip_easy
    )
    whole = make_tiny_network()
    expected = train(whole, make_data(), params, precision, Checkpoint(tmp_path / "whole", "test"), ignore)
    stopping = StoppingCheckpoint(tmp_path / "parts", "test")
    for _ in range(5):
        with pytest.raises(StoppedError):
            train(make_tiny_network(), make_data(), params, precision, stopping, ignore)
    parts = make_tiny_network()
    resumed = train(parts, make_data(), params, precision, Checkpoint(tmp_path / "parts", "test"), ignore)
    assert resumed.history == expected.history
    assert all(map(torch.equal, resumed.doubts, expected.doubts))
    assert same_weights(whole, parts)
    assert (resumed.history[-1].images < 100) == (skip_easy > 0)


@pytest.mark.parametrize(("epochs", "counted"), [(1, [1]), (2, [2]), (5, [3, 4, 5]), (40, range(3, 11))])
def test_labels_are_doubted_in_the_decisive_epochs(epochs: int, counted: Iterable[int]) -> None:
    doubts = Doubts(torch.zeros(1), torch.zeros(2))
    for number in range(1, epochs + 1):
        doubts.update(number, (torch.tensor([1 / number]), torch.tensor([0.0, math.inf])))
    assert doubts.training.item() == pytest.approx(mean(1 - math.exp(-1 / number) for number in counted))
    assert doubts.validation.tolist() == [0, 1]


def test_a_training_that_stopped_early_is_not_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = make_train_params(epochs=60, patience=2, **DIVERGING)
    checkpoint = Checkpoint(tmp_path, "test")
    history = train(make_tiny_network(), make_data(), params, torch.float32, checkpoint, ignore).history
    capsys.readouterr()
    assert train(make_tiny_network(), make_data(), params, torch.float32, checkpoint, ignore).history == history
    assert "\nepoch " not in capsys.readouterr().out


def test_on_epoch_gets_the_history_after_every_epoch_and_after_resuming(tmp_path: Path) -> None:
    params = make_train_params(epochs=3)
    seen: list[list[int]] = []

    def record(history: list[EpochMetrics]) -> None:
        seen.append([epoch.epoch for epoch in history])

    with pytest.raises(StoppedError):
        train(make_tiny_network(), make_data(), params, torch.float32, StoppingCheckpoint(tmp_path, "test"), record)
    assert seen == []  # the checkpoint is saved first
    train(make_tiny_network(), make_data(), params, torch.float32, Checkpoint(tmp_path, "test"), record)
    assert seen == [[1], [1, 2], [1, 2, 3]]
    seen.clear()
    train(make_tiny_network(), make_data(), params, torch.float32, Checkpoint(tmp_path, "other"), record)
    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_the_first_of_equally_good_epochs_is_the_best() -> None:
    assert best_epoch(make_epochs(0.3, 0.2, 0.2)).epoch == 2


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ((), 1, False),
        ((0.3, 0.2), 1, False),
        ((0.2, 0.3), 1, True),
        ((0.2, 0.3), 2, False),
        ((0.2, 0.3, 0.2), 2, True),
        ((0.2, 0.3, 0.1), 2, False),
        ((0.2, 0.3, 0.4, 0.5), 0, False),
        ((math.nan, math.nan), 1, False),
    ],
)
def test_patience_counts_the_epochs_since_the_best(losses: tuple[float, ...], patience: int, expected: bool) -> None:
    assert is_out_of_patience(make_epochs(*losses), patience) is expected


def test_weights_that_are_not_finite_end_the_training_although_the_losses_are() -> None:
    with pytest.raises(UserError, match=r"training diverged in epoch 1; try a lower train.learning_rate"):
        fit(epochs=1, batch_size=100, learning_rate=1e38, schedule="constant")
