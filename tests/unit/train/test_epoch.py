import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from src.common.errors import UserError
from src.train import epoch
from src.train.learner import Learner
from tests.builders import make_images, make_tiny_network, make_train_params

COUNT = 1000
BATCH_SIZE = 10
LOSSES = torch.tensor([0.0, 0.0, 0.0, 4.0]).repeat(COUNT // 4)  # the mean is 1: three quarters are easy


def test_the_loss_of_each_image_is_kept() -> None:
    data = make_images(40)
    params = make_train_params(batch_size=40, learning_rate=1e-30).train
    learner = Learner(make_tiny_network(dropout=0), data, params, torch.float32)
    assert epoch.train_epoch(learner, data, 1, lambda images: images) == 40
    with torch.no_grad():
        expected = F.nll_loss(learner.predict(data.images / 255), data.labels, reduction="none")
    assert torch.allclose(learner.losses, expected, rtol=1e-4)


def test_progress_within_an_epoch_is_written_to_logs_as_whole_lines(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_images(100)
    learner = Learner(make_tiny_network(), data, make_train_params(batch_size=4).train, torch.float32)
    epoch.train_epoch(learner, data, 1, lambda images: images)
    assert capfd.readouterr() == ("", "")  # a short epoch leaves nothing
    monkeypatch.setattr(epoch, "LOG_INTERVAL", 0.0)  # seconds
    monkeypatch.setattr(epoch, "CHECK_INTERVAL", 0.0)
    epoch.train_epoch(learner, data, 2, lambda images: images, 0.5)
    output, errors = capfd.readouterr()
    lines = output.splitlines()
    assert [re.sub(r"\d\.\d{4}$", "", line) for line in lines] == [
        f"epoch 2/3: step {step} of 25, training loss " for step in range(1, 26)
    ]
    assert errors == ""


@pytest.mark.parametrize("interval", [0.0, 1000.0])
def test_a_loss_that_is_not_finite_names_its_step(interval: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch, "CHECK_INTERVAL", interval)
    data = make_images(100)
    learner = Learner(make_tiny_network(), data, make_train_params(batch_size=4).train, torch.float32)
    add_gradients, steps = learner.add_gradients, iter(range(1, 100))

    def fail_at_step_23(images: Tensor, labels: Tensor, batch: int) -> Tensor:
        losses = add_gradients(images, labels, batch)
        return losses / 0 if next(steps) == 23 else losses

    learner.add_gradients = fail_at_step_23  # type: ignore[method-assign]
    with pytest.raises(UserError, match=r"the loss became inf in epoch 1/3, step 23, at learning rate"):
        epoch.train_epoch(learner, data, 1, lambda images: images)


def test_every_image_is_used_without_skipping_and_before_the_first_loss() -> None:
    for losses, skip_easy in ((LOSSES, 0.0), (torch.full((COUNT,), torch.inf), 0.9)):
        torch.manual_seed(0)
        order = epoch.draw_order(losses, skip_easy, BATCH_SIZE)
        torch.manual_seed(0)
        assert torch.equal(order, torch.randperm(COUNT))


def test_easy_images_are_left_out_with_the_given_probability() -> None:
    torch.manual_seed(0)
    order = epoch.draw_order(LOSSES, 0.8, BATCH_SIZE)
    assert len(order.unique()) == len(order)
    assert (LOSSES[order] == 4).sum() == COUNT / 4  # all hard images are kept
    assert 110 <= (LOSSES[order] == 0).sum() <= 190  # of 750, 150 ± 11
    assert not torch.equal(order, order.sort().values)


def test_each_epoch_leaves_out_other_images() -> None:
    torch.manual_seed(0)
    first, second = (set(epoch.draw_order(LOSSES, 0.5, BATCH_SIZE).tolist()) for _ in range(2))
    assert first != second


def test_equal_losses_leave_out_nothing() -> None:
    assert len(epoch.draw_order(torch.full((COUNT,), 0.1), 0.9, BATCH_SIZE)) == COUNT


def test_an_epoch_has_at_least_one_batch() -> None:
    one_hard = torch.zeros(COUNT)
    one_hard[0] = 1.0
    assert len(epoch.draw_order(one_hard, 0.9999, BATCH_SIZE)) == COUNT
