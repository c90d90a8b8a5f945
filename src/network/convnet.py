"""The convolutional network, built from its parameters; it also tracks the output shape of every layer."""

import math
from typing import NamedTuple

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from src.common.errors import UserError
from src.common.pictures import InputFit
from src.network.layers import Crop, Dropout
from src.network.params import ModelParams


class Architecture(BaseModel):
    """Everything needed to rebuild a network: its parameters, the shape (C, H, W) of an image and the K class names.

    fit: how a picture becomes an image for the network.
    """

    model: ModelParams
    image_shape: tuple[int, int, int]
    classes: list[str]
    fit: InputFit


class LayerSize(NamedTuple):
    """A layer, the shape of its output without the batch dimension, and its number of trainable parameters."""

    layer: str
    shape: tuple[int, ...]
    parameters: int


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Compute the size along one axis after a convolution or pooling layer, as PyTorch defines it."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


class ConvNet(nn.Module):
    """Blocks of 3x3 convolutions, each with 2x2 max pooling, followed by linear layers.

    The activation comes before the normalisation: convolution, LeakyReLU, BatchNorm2d; linear, LeakyReLU, BatchNorm1d.
    Max pooling follows the last convolution of a block or, without pool_first, the normalisation after it.
    Maps float images (N, C, H, W) in [0, 1] to float32 log-probabilities (N, K). Raise UserError if the images are
    not larger than the crop, or a block has fewer than 2x2 pixels left to pool.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.sizes: list[LayerSize] = []
        params = architecture.model
        channels, height, width = architecture.image_shape
        layers: list[nn.Module] = []

        def activation() -> nn.LeakyReLU:
            # In place saves a pass over the memory; PyTorch can backpropagate through it only for a positive slope.
            return nn.LeakyReLU(params.negative_slope, inplace=params.negative_slope > 0)

        def add(layer: nn.Module, *shape: int) -> None:
            layers.append(layer)
            parameters = sum(parameter.numel() for parameter in layer.parameters())
            self.sizes.append(LayerSize(type(layer).__name__, shape, parameters))

        def pool() -> None:
            nonlocal height, width
            height, width = (output_size(size, kernel=2, stride=2) for size in (height, width))
            add(nn.MaxPool2d(2), channels, height, width)

        if params.crop:
            if params.crop >= min(height, width):
                raise UserError(f"model.crop = {params.crop} leaves nothing of images of {height}x{width} pixels")
            height, width = height - params.crop, width - params.crop
            add(Crop(params.crop), channels, height, width)
        for block, widths in enumerate(params.conv_channels, start=1):
            if min(height, width) < 2:
                raise UserError(
                    f"model.conv_channels: block {block} of {len(params.conv_channels)} has too few pixels to pool: it"
                    f" needs at least 2x2, but only {height}x{width} pixels are left of the"
                    f" {'x'.join(map(str, architecture.image_shape[1:]))} image; remove a"
                    f" block{' or reduce model.crop' if params.crop else ''}"
                )
            for number, out_channels in enumerate(widths, start=1):
                height, width = (output_size(size, kernel=3, padding=1) for size in (height, width))
                add(nn.Conv2d(channels, out_channels, 3, padding=1), out_channels, height, width)
                channels = out_channels
                if params.pool_first and number == len(widths):
                    pool()
                add(activation(), channels, height, width)
                add(nn.BatchNorm2d(channels), channels, height, width)
            if not params.pool_first:
                pool()
            if params.dropout:
                add(Dropout(params.dropout), channels, height, width)
        features = math.prod((channels, height, width))
        add(nn.Flatten(), features)
        for units in params.hidden_units:
            add(nn.Linear(features, units), units)
            features = units
            add(activation(), units)
            add(nn.BatchNorm1d(units), units)
        add(nn.Linear(features, len(architecture.classes)), len(architecture.classes))
        self.layers = nn.Sequential(*layers)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in PyTorch's stubs

    def forward(self, images: Tensor) -> Tensor:
        logits = self.layers(images)
        return torch.log_softmax(logits.float(), dim=1)

    def layer_rows(self) -> list[tuple[str, str, int]]:
        """Return the name, output shape (`32x14x14`) and parameter count of each layer, with input and LogSoftmax."""
        first = LayerSize("input", self.architecture.image_shape, 0)
        last = LayerSize("LogSoftmax", self.sizes[-1].shape, 0)
        return [(size.layer, "x".join(map(str, size.shape)), size.parameters) for size in (first, *self.sizes, last)]

    def summary(self) -> str:
        """Format layer_rows as a text table that ends with the total number of parameters."""
        rows = self.layer_rows()
        rows.append(("parameters", "", sum(parameters for *_, parameters in rows)))
        return "\n".join(
            f"  {layer:<12}{shape:>12}{f'{parameters:,}' if parameters else '':>12}"
            for layer, shape, parameters in rows
        )
