import pytest

from src.train import epoch


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
