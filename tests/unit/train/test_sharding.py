import copy
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from src.common.errors import UserError
from src.network.convnet import ConvNet
from src.train.data import derive_seed
from src.train.learner import Learner
from src.train.sharding import step_in_shards
from tests.builders import make_images, make_imbalanced, make_tiny_network, make_train_params


def add_noise(images: Tensor) -> Tensor:
    return images + torch.rand_like(images)


def averages(network: ConvNet) -> list[Tensor]:
    """The running statistics of BatchNorm."""
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]


def test_the_update_is_that_of_the_mean_over_images_with_statistics_per_shard() -> None:
    """Compute the gradients of the shards independently; 11 images make shards of 4, 4 and 3."""
    data = make_imbalanced(8, 3)
    params = make_train_params(shards=3, class_weights="balanced", schedule="constant").train
    learner = Learner(make_tiny_network(), data, params, torch.float32)
    learner.network.train()
    networks = [copy.deepcopy(learner.network) for _ in range(3)]
    rows = torch.randperm(11)
    expected = []
    for number, (network, part) in enumerate(zip(networks, (rows[:4], rows[4:8], rows[8:]), strict=True), start=1):
        torch.manual_seed(derive_seed(7, 1, 1, number))
        single = Learner(network, data, params, torch.float32)
        losses = single.image_losses(network(add_noise(data.images[part] / 255)), data.labels[part])
        losses.sum().backward()
        expected.append(losses.detach())
    before = torch.get_rng_state()
    gradients: list[Tensor] = []
    learner.optimizer.step = lambda *_: gradients.extend(  # type: ignore[method-assign]
        parameter.grad for parameter in learner.optimizer.parameters if parameter.grad is not None
    )

    def compute(rows: Tensor, batch_size: int) -> Tensor:
        images, labels = data.select(rows)
        return learner.backpropagate(add_noise(images), labels, batch_size)

    losses = step_in_shards(learner, compute, rows, Fraction(0), (7, 1, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.allclose(losses, torch.cat(expected))
    for gradient, *singles in zip(gradients, *(network.parameters() for network in networks), strict=True):
        assert torch.allclose(gradient, sum(single.grad for single in singles) / 11, atol=1e-6)
        assert gradient.stride() == singles[0].stride()  # which the optimizer does not check
    for average, *singles in zip(averages(learner.network), *map(averages, networks), strict=True):
        assert torch.allclose(average, torch.stack(singles).mean(0))
    counters = [buffer for buffer in learner.network.buffers() if not buffer.is_floating_point()]
    assert counters == [torch.tensor(1)] * len(counters)  # of batches, not of parts


def test_each_shard_has_its_own_random_numbers() -> None:
    data = make_images(4)
    learner = Learner(make_tiny_network(), data, make_train_params(shards=2).train, torch.float32)
    seen: list[Tensor] = []

    def record(rows: Tensor, batch_size: int) -> Tensor:
        seen.append(torch.rand(3))
        return learner.backpropagate(*data.select(rows), batch_size)

    for seed in ((0, 1, 1), (0, 1, 2), (0, 1, 1)):
        step_in_shards(learner, record, torch.arange(4), Fraction(0), seed)
    assert len({tuple(numbers.tolist()) for numbers in seen}) == 4
    assert torch.equal(torch.cat(seen[:2]), torch.cat(seen[4:]))


def test_too_few_images_for_the_parts_are_rejected() -> None:
    with pytest.raises(UserError, match=r"train\.shards = 4: needs at least 8 training images; found 7"):
        Learner(make_tiny_network(), make_images(7), make_train_params(shards=4).train, torch.float32)
