"""The optimizer and the schedule, compared with PyTorch's."""

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from src.train.optimizer import AdamW, one_cycle


def test_it_gives_the_bits_of_pytorch() -> None:
    torch.manual_seed(0)
    ours, theirs = ([torch.nn.Parameter(start.clone()) for start in (torch.rand(4, 3), torch.rand(3))] for _ in "12")
    for one, other in zip(ours, theirs, strict=True):
        other.data = one.data.clone()
    optimizer = AdamW(ours, weight_decay=0.1)
    reference = torch.optim.AdamW(theirs, weight_decay=0.1, fused=True)
    for step in range(5):
        rate, beta1 = 0.01 * (step + 1), 0.85 + 0.02 * step
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        reference.param_groups[0].update(lr=rate, betas=(beta1, 0.999))
        reference.step()
        optimizer.step(rate, beta1)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert all(parameter.grad is None for parameter in ours)


@pytest.mark.parametrize("steps", [1, 2, 36, 1500])
def test_one_cycle_is_that_of_pytorch(steps: int) -> None:
    optimizer = torch.optim.AdamW([torch.zeros(1)], lr=0.01, fused=True)
    schedule = OneCycleLR(optimizer, max_lr=0.01, total_steps=steps + 1)
    for step in range(steps):
        (group,) = optimizer.param_groups
        assert one_cycle(step, steps, 0.01) == (group["lr"], group["betas"][0])
        optimizer.step()
        schedule.step()


def test_one_cycle_ends_near_zero() -> None:
    assert one_cycle(100, 100, 0.01)[0] == pytest.approx(4e-8)
