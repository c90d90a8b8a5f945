import pytest
import torch
import torch.nn.functional as F

from src.train import epoch
from src.train.learner import Learner
from tests.builders import make_images, make_tiny_network, make_train_params


def test_the_loss_of_each_image_is_kept() -> None:
    data = make_images(40)
    params = make_train_params(batch_size=40, learning_rate=1e-30).train
    learner = Learner(make_tiny_network(dropout=0), data, params, torch.float32)
    assert epoch.train_epoch(learner, data, 1, lambda images: images, 0.0) == 40
    with torch.no_grad():
        expected = F.nll_loss(learner.predict(data.images / 255), data.labels, reduction="none")
    assert torch.allclose(learner.losses, expected, rtol=1e-4)


def test_progress_within_an_epoch_is_written_to_logs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epoch, "LOG_INTERVAL", 0.0)  # seconds
    with epoch.make_progress_bar(100, "epoch 1/2") as progress:
        for _ in range(4):
            progress.update(20)
    assert "epoch 1/2:  80%" in capfd.readouterr().err


def test_short_epochs_leave_nothing_in_logs(capfd: pytest.CaptureFixture[str]) -> None:
    with epoch.make_progress_bar(100, "epoch 1/2") as progress:
        progress.update(100)
    assert not capfd.readouterr().err.strip()
