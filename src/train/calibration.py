"""Temperature scaling: it restores the confidence of a network that has been trained mostly on hard images.

Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
"""

import math

import torch
from torch import Tensor, nn

from src.network.convnet import ConvNet


def fit_temperature(log_probabilities: Tensor, labels: Tensor) -> float:
    """Return the divisor of log-probabilities (N, K) that minimises their mean loss, between 0.1 and 10.

    The loss is convex in the inverse of the temperature, so bisection finds where its derivative is zero.
    """
    values = log_probabilities.double()
    targets = values.gather(1, labels[:, None])[:, 0]
    low, high = 0.1, 10.0
    for _ in range(40):  # to twelve digits
        middle = math.sqrt(low * high)
        expected = (torch.softmax(values * middle, dim=1) * values).sum(1)
        low, high = (middle, high) if (expected - targets).mean() < 0 else (low, middle)
    return 1 / low


@torch.no_grad()
def apply_temperature(network: ConvNet, temperature: float) -> None:
    """Divide the logits by the temperature, by way of the last layer's weights."""
    last = network.layers[-1]
    assert isinstance(last, nn.Linear)
    for parameter in (last.weight, last.bias):
        parameter /= temperature
