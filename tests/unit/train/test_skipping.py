"""Leaving out easy images."""

import torch

from src.train.skipping import draw_order

COUNT = 1000
BATCH_SIZE = 10
LOSSES = torch.tensor([0.0, 0.0, 0.0, 4.0]).repeat(COUNT // 4)  # the mean is 1: three quarters are easy


def test_every_image_is_used_without_skipping_and_before_the_first_loss() -> None:
    for losses, skip_easy in ((LOSSES, 0.0), (torch.full((COUNT,), torch.inf), 0.9)):
        torch.manual_seed(0)
        order = draw_order(losses, skip_easy, BATCH_SIZE)
        torch.manual_seed(0)
        assert torch.equal(order, torch.randperm(COUNT))


def test_easy_images_are_left_out_with_the_given_probability() -> None:
    torch.manual_seed(0)
    order = draw_order(LOSSES, 0.8, BATCH_SIZE)
    assert len(order.unique()) == len(order)
    assert (LOSSES[order] == 4).sum() == COUNT / 4  # all hard images are kept
    assert 110 <= (LOSSES[order] == 0).sum() <= 190  # of 750, 150 ± 11
    assert not torch.equal(order, order.sort().values)


def test_each_epoch_leaves_out_other_images() -> None:
    torch.manual_seed(0)
    first, second = (set(draw_order(LOSSES, 0.5, BATCH_SIZE).tolist()) for _ in range(2))
    assert first != second


def test_equal_losses_leave_out_nothing() -> None:
    assert len(draw_order(torch.full((COUNT,), 0.1), 0.9, BATCH_SIZE)) == COUNT


def test_an_epoch_has_at_least_one_batch() -> None:
    one_hard = torch.zeros(COUNT)
    one_hard[0] = 1.0
    assert len(draw_order(one_hard, 0.9999, BATCH_SIZE)) == COUNT
