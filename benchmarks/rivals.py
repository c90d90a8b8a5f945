"""The programs that this project's training speed is compared with, reimplemented to match the originals."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NOTEBOOK_EPOCHS = 43  # after which its patience ends the training; its lowest validation loss is at epoch 12
NOTEBOOK_ACCURACY = 0.9944  # of the weights it kept, in one run on another machine


def notebook_network() -> nn.Sequential:
    """Build the notebook's dropout network (288,618 parameters)."""
    layers: list[nn.Module] = []
    channels = 1
    for block in ([32, 32], [64, 64], [128]):
        for width in block:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.1), nn.BatchNorm2d(width)]
            channels = width
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    layers += [nn.Flatten(), nn.Linear(1152, 128), nn.LeakyReLU(0.1), nn.BatchNorm1d(128)]
    return nn.Sequential(*layers, nn.Linear(128, 10), nn.LogSoftmax(dim=1))


def example_network() -> nn.Sequential:
    """Build the network of the mnist example in pytorch/examples (1,199,882 parameters)."""
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)]
    linear = [nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10), nn.LogSoftmax(dim=1)]
    return nn.Sequential(*convolutions, *linear)


def keras_network() -> nn.Sequential:
    """Build the network of Keras's example "Simple MNIST convnet" (34,826 parameters)."""
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10), nn.LogSoftmax(dim=1))


def train_one_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[list[Tensor]]) -> None:
    """Train for one epoch with the loop that all of these programs use."""
    network.train()
    for images, labels in batches:
        optimizer.zero_grad()
        F.nll_loss(network(images), labels).backward()
        optimizer.step()


@torch.inference_mode()
def validate_one_epoch(network: nn.Module, batches: Iterable[list[Tensor]]) -> float:
    """Validate as the notebook does after every epoch."""
    network.eval()
    return sum(F.nll_loss(network(images), labels).item() for images, labels in batches)
