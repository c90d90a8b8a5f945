import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from src.augment import AugmentParams
from src.checkpoint import Checkpoint
from src.epoch import Images
from src.model import Architecture, ConvNet, ModelParams
from torch import Tensor

from src.train import Epoch, TrainParams, _epoch_seed, best_epoch, mean_history, train

DEFAULTS = {
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.01,
    "schedule": "one_cycle",
    "weight_decay": 0.01,
    "patience": 0,
    "refit": False,
    "members": 1,
    "seed": 0,
    "device": "cpu",
    "precision": "fp32",
    "threads": 0,
}

OFF = AugmentParams(rotation=0, translation=0, scaling=0, shear=0, clean_epochs=0)
ON = AugmentParams(rotation=10, translation=1, scaling=0.1, shear=0.1, clean_epochs=1)


def images(count: int, seed: int = 0) -> Images:
    """Noise, brighter in the half that the label names."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    pixels = torch.randint(0, 128, (count, 1, 8, 8), generator=generator)
    pixels[:, :, :, :4] += (labels == 0).long()[:, None, None, None] * 60
    return Images(pixels.to(torch.uint8), labels)


def network(dropout: float = 0.25) -> ConvNet:
    torch.manual_seed(0)
    model = ModelParams(crop=0, conv_channels=[[4]], hidden_units=[], dropout=dropout, negative_slope=0.1)
    return ConvNet(Architecture(model=model, image_shape=(1, 8, 8), classes=["left", "right"]))


def fit(precision: torch.dtype = torch.float32, training: Images | None = None, **changes: Any) -> Any:
    made = network()
    params = TrainParams.model_validate(DEFAULTS | changes)
    with TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder), "test")
        return made, train(made, training or images(100), images(60, seed=1), params, OFF, precision, checkpoint)


def test_it_learns_and_reports_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    _, history = fit(epochs=8)
    assert [epoch.epoch for epoch in history] == list(range(1, 9))
    assert history[-1].validation_accuracy > 0.9
    assert history[-1].train_loss < history[0].train_loss
    assert capsys.readouterr().out.count("epoch ") == 8


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_same_seed_gives_the_same_weights_and_another_does_not(precision: torch.dtype) -> None:
    (first, history), (again, history_again), (other, _) = (fit(precision, seed=seed) for seed in (0, 0, 1))
    assert history == history_again
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_the_last_epochs_are_clean(tmp_path: Path) -> None:
    def weights(augmentation: AugmentParams, epochs: int) -> Tensor:
        made, data = network(), images(100)
        params = TrainParams.model_validate(DEFAULTS | {"epochs": epochs, "schedule": "constant"})
        checkpoint = Checkpoint(tmp_path, f"{augmentation} {epochs}")
        train(made, data, None, params, augmentation, torch.float32, checkpoint)
        return torch.cat([parameter.flatten() for parameter in made.parameters()])

    assert torch.equal(weights(ON, 1), weights(OFF, 1))
    assert not torch.equal(weights(ON, 2), weights(OFF, 2))


def test_a_refit_keeps_the_last_epoch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made, data = network(), images(100)
    params = TrainParams.model_validate(DEFAULTS | {"patience": 1})
    history = train(made, data, None, params, OFF, torch.float32, Checkpoint(tmp_path, "test"))
    assert all(math.isnan(value) for epoch in history for value in epoch[2:4])
    assert best_epoch(history).epoch == 3
    assert "in validation" not in capsys.readouterr().out


def test_the_mean_over_members_goes_as_far_as_all_of_them() -> None:
    long = [Epoch(1, 4.0, 2.0, 0.5, 0.1), Epoch(2, 2.0, 1.0, 0.75, 0.1)]
    short = [Epoch(1, 2.0, 4.0, 0.25, 0.1)]
    assert mean_history([long, short]) == [Epoch(1, 3.0, 3.0, 0.375, 0.1)]
    assert mean_history([long]) == long


def test_the_best_epochs_weights_are_kept() -> None:
    made, history = fit(epochs=12, learning_rate=0.5, schedule="constant")
    best = best_epoch(history)
    assert best.epoch < 12, "the test needs a run that gets worse again"
    held_out = images(60, seed=1)
    with torch.no_grad():
        loss = F.nll_loss(made.eval()(held_out.images / 255), held_out.labels).item()
    assert loss == pytest.approx(best.validation_loss, rel=1e-5)
    assert best.validation_loss == min(epoch.validation_loss for epoch in history)


def test_patience_counts_epochs_without_improvement(capsys: pytest.CaptureFixture[str]) -> None:
    _, history = fit(epochs=60, learning_rate=0.5, schedule="constant", patience=2)
    assert len(history) == best_epoch(history).epoch + 2 < 60
    assert "has not fallen for 2 epochs" in capsys.readouterr().out


def test_zero_patience_never_stops_early() -> None:
    _, history = fit(epochs=12, learning_rate=0.5, schedule="constant")
    assert len(history) == 12


def test_training_loss_is_the_mean_over_images(tmp_path: Path) -> None:
    """With a rate too small to change anything, a short last batch must weigh no more than its images."""
    made = network(dropout=0)
    data = images(40)
    params = TrainParams.model_validate(DEFAULTS | {"learning_rate": 1e-30, "batch_size": 32, "epochs": 1})
    history = train(made, data, data, params, OFF, torch.float32, Checkpoint(tmp_path, "test"))
    made.train()
    torch.manual_seed(_epoch_seed(0, 1))
    total = 0.0
    for part in torch.randperm(40).split(32):
        total += F.nll_loss(made(data.images[part] / 255), data.labels[part], reduction="sum").item()
    assert history[0].train_loss == pytest.approx(total / 40, rel=1e-6)


@pytest.mark.parametrize("count", [2, 16, 17, 33])
def test_a_single_row_left_over_joins_the_batch_before(count: int) -> None:
    data = images(count)
    batches = list(data.batches(torch.arange(count), 16))
    assert min(len(labels) for _, labels in batches) > 1
    assert torch.equal(torch.cat([labels for _, labels in batches]), data.labels)
    assert batches[0][0].max() <= 1
    fit(training=data, epochs=1)


def test_schedules() -> None:
    _, constant = fit(schedule="constant")
    assert {epoch.learning_rate for epoch in constant} == {0.01}
    for count in (100, 33):  # of 33, the one left over makes no batch of its own
        _, cycle = fit(schedule="one_cycle", epochs=10, training=images(count))
        rates = [epoch.learning_rate for epoch in cycle]
        assert max(rates) == pytest.approx(0.01, rel=0.1)
        assert rates[-1] < 2e-4


def test_a_loss_that_is_no_number_ends_training_with_advice() -> None:
    with pytest.raises(ValueError, match=r"in epoch 1/3, step 2, at learning rate 1e\+30; try a lower"):
        fit(learning_rate=1e30, schedule="constant")


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_a_training_that_goes_on_gives_the_same_bits(tmp_path: Path, precision: torch.dtype, schedule: str) -> None:
    params = TrainParams.model_validate(DEFAULTS | {"epochs": 5, "schedule": schedule})
    data = images(100), images(60, seed=1)
    whole = network()
    history = train(whole, *data, params, ON, precision, Checkpoint(tmp_path / "whole", "test"))

    class StoppedError(Exception):
        pass

    class Stopping(Checkpoint):
        def save(self, state: dict[str, Any]) -> None:
            super().save(state)
            raise StoppedError

    for _ in range(5):
        with pytest.raises(StoppedError):
            train(network(), *data, params, ON, precision, Stopping(tmp_path / "parts", "test"))
    parts = network()
    assert train(parts, *data, params, ON, precision, Checkpoint(tmp_path / "parts", "test")) == history
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True))


def test_a_training_that_stopped_early_does_not_go_on(tmp_path: Path) -> None:
    params = TrainParams.model_validate(
        DEFAULTS | {"epochs": 60, "learning_rate": 0.5, "schedule": "constant", "patience": 2}
    )
    data = images(100), images(60, seed=1)
    checkpoint = Checkpoint(tmp_path, "test")
    history = train(network(), *data, params, OFF, torch.float32, checkpoint)
    assert train(network(), *data, params, OFF, torch.float32, checkpoint) == history


def test_the_first_of_equal_epochs_is_best() -> None:
    history = [Epoch(number, 1.0, loss, 0.5, 0.1) for number, loss in enumerate([0.3, 0.2, 0.2], start=1)]
    assert best_epoch(history).epoch == 2
