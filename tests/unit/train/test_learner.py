import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_sample_weight
from torch.optim.lr_scheduler import OneCycleLR

from src.train.data import LabelledImages
from src.train.learner import AdamW, Learner, one_cycle
from src.train.validation import apply_temperature, validate
from tests.builders import make_imbalanced, make_tiny_network, make_train_params


def make_learner(data: LabelledImages, class_weights: str) -> Learner:
    params = make_train_params(class_weights=class_weights).train
    return Learner(make_tiny_network(dropout=0), data, params, torch.float32)


def weighted_loss(learner: Learner, data: LabelledImages) -> float:
    """The mean loss, weighted with scikit-learn's weights; the network is used in its present mode."""
    with torch.inference_mode():
        losses = F.nll_loss(learner.predict(data.images / 255), data.labels, reduction="none")
    return float(np.average(losses.numpy(), weights=compute_sample_weight("balanced", data.labels.numpy())))


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    data = make_imbalanced(30, 2)
    weights = make_learner(data, "balanced").class_weights
    assert weights is not None
    assert weights.tolist() == pytest.approx([32 / (2 * 30), 32 / (2 * 2)])
    assert weights[data.labels].numpy() == pytest.approx(compute_sample_weight("balanced", data.labels.numpy()))
    assert make_learner(data, "none").class_weights is None


def test_training_and_validation_use_the_weights() -> None:
    data = make_imbalanced(30, 2)
    learner = make_learner(data, "balanced")
    learner.network.train()
    expected = weighted_loss(learner, data)
    losses = learner.backpropagate(data.images / 255, data.labels, len(data.labels))
    assert losses.mean().item() == pytest.approx(expected, rel=1e-5)
    learner.network.eval()
    found = validate(learner, data)
    assert found.loss < weighted_loss(learner, data)  # before the temperature
    apply_temperature(learner.network, found.temperature)
    assert found.loss == pytest.approx(weighted_loss(learner, data), rel=1e-5)


def test_a_batch_without_rare_classes_has_no_larger_weight() -> None:
    data = make_imbalanced(30, 2)
    losses = [
        make_learner(data, name).backpropagate(data.images[:16] / 255, data.labels[:16], 16).mean().item()
        for name in ("none", "balanced")
    ]
    assert losses[1] == pytest.approx(losses[0] * 32 / 60, rel=1e-5)


def test_the_optimizer_gives_the_bits_of_pytorchs() -> None:
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
