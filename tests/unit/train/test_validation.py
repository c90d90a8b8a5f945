"""Precise BatchNorm statistics after short epochs, and temperature scaling."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.train.learner import Learner
from src.train.validation import apply_temperature, fit_temperature, recompute_statistics
from tests.builders import make_images, make_tiny_network, make_train_params


def test_statistics_are_those_of_the_training_images_in_prediction() -> None:
    data = make_images(200)  # a single batch, whose variance is that of all images
    learner = Learner(make_tiny_network(), data, make_train_params().train, torch.float32)
    (layer,) = (layer for layer in learner.network.modules() if isinstance(layer, nn.BatchNorm2d))
    inputs: list[Tensor] = []
    layer.register_forward_pre_hook(lambda _layer, arguments: inputs.append(arguments[0]))
    weights = [parameter.clone() for parameter in learner.network.parameters()]
    recompute_statistics(learner, data)
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
    assert layer.running_mean is not None
    assert layer.running_var is not None
    assert torch.allclose(layer.running_mean, mean, atol=1e-6)
    assert torch.allclose(layer.running_var, variance, rtol=1e-4)
    assert layer.momentum == 0.1
    assert all(torch.equal(one, other) for one, other in zip(weights, learner.network.parameters(), strict=True))


def test_every_batch_counts_equally() -> None:
    data = make_images(1001)  # a last batch of a single image would count as much as the others
    learner = Learner(make_tiny_network(), data, make_train_params().train, torch.float32)
    (layer,) = (layer for layer in learner.network.modules() if isinstance(layer, nn.BatchNorm2d))
    inputs: list[Tensor] = []
    layer.register_forward_pre_hook(lambda _layer, arguments: inputs.append(arguments[0]))
    recompute_statistics(learner, data)
    assert [len(batch) for batch in inputs] == [201, 200, 200, 200, 200]
    assert layer.running_mean is not None
    means = torch.stack([batch.mean((0, 2, 3)) for batch in inputs])
    assert torch.allclose(layer.running_mean, means.mean(0), atol=1e-6)


def test_the_temperature_undoes_a_scaling() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 5, dtype=torch.float64) * 2
    labels = torch.distributions.Categorical(logits=logits).sample()
    fitted = fit_temperature(F.log_softmax(logits, dim=1), labels)
    assert fitted == pytest.approx(1, abs=0.1)
    assert fit_temperature(F.log_softmax(logits * 0.5, dim=1), labels) == pytest.approx(fitted / 2, rel=1e-6)
    losses = [F.cross_entropy(logits / (fitted * factor), labels).item() for factor in (0.99, 1, 1.01)]
    assert min(losses) == losses[1]


def test_a_network_without_an_error_is_not_taken_for_infallible() -> None:
    for count in (30, 300):
        log_probabilities = torch.eye(3).repeat(count // 3, 1).log_softmax(1)
        temperature = fit_temperature(log_probabilities, torch.arange(3).repeat(count // 3))
        confidence = (log_probabilities / temperature).softmax(1).max(1).values.mean()
        assert confidence.item() == pytest.approx(1 - 1 / count, rel=1e-4)


def test_the_network_divides_its_logits() -> None:
    network, images = make_tiny_network().eval(), make_images(20).images / 255
    with torch.no_grad():
        before = network(images)
        apply_temperature(network, 0.5)
        assert torch.allclose(network(images), (before / 0.5).log_softmax(1), atol=1e-5)
