import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from src.common.errors import UserError
from src.train import epoch
from src.train.learner import Learner
from tests.builders import make_images, make_imbalanced, make_tiny_network, make_train_params

COUNT = 1000
BATCH_SIZE = 10
LOSSES = torch.tensor([0.0, 0.0, 0.0, 4.0]).repeat(COUNT // 4)  # the mean is 1: three quarters are easy
NONE = torch.zeros(COUNT, dtype=torch.bool)  # no label is apparently wrong


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
    backpropagate, steps = learner.backpropagate, iter(range(1, 100))

    def fail_at_step_23(images: Tensor, labels: Tensor, batch_size: int) -> Tensor:
        losses = backpropagate(images, labels, batch_size)
        return losses / 0 if next(steps) == 23 else losses

    learner.backpropagate = fail_at_step_23  # type: ignore[method-assign]
    with pytest.raises(UserError, match=r"the loss became inf in epoch 1/3, step 23, at learning rate"):
        epoch.train_epoch(learner, data, 1, lambda images: images)


def test_every_image_is_used_without_skipping_and_before_the_first_loss() -> None:
    for losses, skip_easy in ((LOSSES, 0.0), (torch.full((COUNT,), torch.inf), 0.9)):
        torch.manual_seed(0)
        order = epoch.draw_order(losses, NONE, skip_easy, BATCH_SIZE)
        torch.manual_seed(0)
        assert torch.equal(order, torch.randperm(COUNT))


def test_easy_images_are_left_out_with_the_given_probability() -> None:
    torch.manual_seed(0)
    order = epoch.draw_order(LOSSES, NONE, 0.8, BATCH_SIZE)
    assert len(order.unique()) == len(order)
    assert (LOSSES[order] == 4).sum() == COUNT / 4  # all hard images are kept
    assert 110 <= (LOSSES[order] == 0).sum() <= 190  # of 750, 150 ± 11
    assert not torch.equal(order, order.sort().values)


def test_labels_that_are_apparently_wrong_are_left_out_like_easy_images() -> None:
    losses = torch.tensor([0.0, 0.0, 2.0, 9.0]).repeat(COUNT // 4)
    torch.manual_seed(0)
    order = epoch.draw_order(losses, losses == 9, 0.8, BATCH_SIZE)
    kept = [int((losses[order] == loss).sum()) for loss in (0, 2, 9)]
    assert 70 <= kept[0] <= 130  # of 500, 100 ± 9
    assert kept[1] == COUNT / 4  # these are hard, although below the mean of all losses
    assert 25 <= kept[2] <= 75  # of 250, 50 ± 6


@pytest.mark.parametrize(
    ("high", "number", "found"), [(50, 3, 50), (50, 2, 0), (40, 3, 0), (499, 3, 499), (COUNT // 2, 3, 0)]
)
def test_labels_look_wrong_only_from_the_third_epoch_on_and_if_these_are_neither_few_nor_most(
    high: int, number: int, found: int
) -> None:
    losses = torch.zeros(COUNT)
    losses[:high] = 3.1
    assert epoch.find_wrong(losses, torch.arange(COUNT) % 10, number).sum() == found


def test_labels_of_a_rare_class_look_wrong_only_if_the_network_knows_more_than_the_frequencies() -> None:
    labels = (torch.arange(COUNT) % 20 == 0).long()  # one image in 20 is of class 1
    rare = labels == 1
    assert epoch.find_wrong(rare * 3.1, labels, 3).sum() == 0  # a probability of 4.5% for 5% of the images
    assert torch.equal(epoch.find_wrong(rare * 3.8, labels, 3), rare)  # less than 2.5%


def test_an_epoch_leaves_out_labels_that_look_wrong_whatever_the_class_weights() -> None:
    data = make_images(100)
    learner = Learner(make_tiny_network(), data, make_train_params(batch_size=4).train, torch.float32)
    learner.class_weights = torch.full((2,), 5.0)
    learner.skip_easy = 1 - 1e-9
    learner.losses = 5 * torch.tensor([9.0] * 20 + [0.0] * 40 + [1.0] * 40)
    assert epoch.train_epoch(learner, data, 2, lambda images: images) == 20  # easy are 40 and 40
    learner.losses = 5 * torch.tensor([9.0] * 20 + [0.0] * 40 + [1.0] * 40)
    assert epoch.train_epoch(learner, data, 3, lambda images: images) == 40


def test_images_of_a_common_class_are_not_easy_because_of_the_class_weights() -> None:
    data = make_imbalanced(80, 20)
    learner = Learner(make_tiny_network(), data, make_train_params(batch_size=4).train, torch.float32)
    learner.class_weights = torch.tensor([0.1, 10.0])
    learner.skip_easy = 1 - 1e-9
    last = torch.tensor([1.0] * 40 + [3.0] * 40 + [1.0] * 20)
    learner.losses = last * learner.class_weights[data.labels]
    assert epoch.train_epoch(learner, data, 2, lambda images: images) == 40


def test_each_epoch_leaves_out_other_images() -> None:
    torch.manual_seed(0)
    first, second = (set(epoch.draw_order(LOSSES, NONE, 0.5, BATCH_SIZE).tolist()) for _ in range(2))
    assert first != second


def test_equal_losses_leave_out_nothing() -> None:
    assert len(epoch.draw_order(torch.full((COUNT,), 0.1), NONE, 0.9, BATCH_SIZE)) == COUNT


def test_an_epoch_has_at_least_one_batch() -> None:
    one_hard = torch.zeros(COUNT)
    one_hard[0] = 1.0
    assert len(epoch.draw_order(one_hard, NONE, 0.9999, BATCH_SIZE)) == COUNT
