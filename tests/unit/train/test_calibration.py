"""Temperature scaling."""

import pytest
import torch
import torch.nn.functional as F

from src.train.calibration import apply_temperature, fit_temperature
from tests.builders import make_images, make_tiny_network


def test_the_temperature_undoes_a_scaling() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 5, dtype=torch.float64) * 2
    labels = torch.distributions.Categorical(logits=logits).sample()
    fitted = fit_temperature(F.log_softmax(logits, dim=1), labels)
    assert fitted == pytest.approx(1, abs=0.1)
    assert fit_temperature(F.log_softmax(logits * 0.5, dim=1), labels) == pytest.approx(fitted / 2, rel=1e-6)
    losses = [F.cross_entropy(logits / (fitted * factor), labels).item() for factor in (0.99, 1, 1.01)]
    assert min(losses) == losses[1]


def test_without_a_mistake_the_temperature_has_a_limit() -> None:
    assert fit_temperature(torch.eye(3).log_softmax(1), torch.arange(3)) == pytest.approx(0.1)


def test_the_network_divides_its_logits() -> None:
    network, images = make_tiny_network().eval(), make_images(20).images / 255
    with torch.no_grad():
        before = network(images)
        apply_temperature(network, 0.5)
        assert torch.allclose(network(images), (before / 0.5).log_softmax(1), atol=1e-5)
