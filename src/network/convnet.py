"""The convolutional network, built from its architecture, and the sizes of its layers."""

import copy

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from src.common.artifacts import LayerSize
from src.common.dataset import Preprocessing
from src.common.errors import UserError
from src.network.backbone import Backbone
from src.network.layers import Crop, Dropout, MaxPool2d
from src.network.params import ModelParams


class Architecture(BaseModel):
    """What a network is built from: the model parameters, the shape (C, H, W) of an image and the K class names.

    preprocessing: how a picture becomes an image for the network. backbone: what turns images into features for the
    network, if it does not take the images themselves.
    """

    model: ModelParams
    image_shape: tuple[int, int, int]
    classes: list[str]
    preprocessing: Preprocessing
    backbone: Backbone | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of what the network takes: an image (C, H, W), or features (F,)."""
        return (self.backbone.features,) if self.backbone else self.image_shape


class ConvNet(nn.Module):
    """Blocks, each of 3x3 convolutions and one 2x2 max pooling, followed by linear layers.

    If model.crop is not 0, a crop comes before the blocks; if model.dropout is not 0, dropout follows each block. The
    activation comes before the normalisation: convolution, LeakyReLU, BatchNorm2d; linear, LeakyReLU, BatchNorm1d. Max
    pooling follows the last convolution of a block or, without pool_first, the normalisation after it. The network maps
    float images (N, C, H, W) in [0, 1] to float32 log-probabilities (N, K). Raise UserError if the crop leaves no
    pixels, or a block has fewer than 2x2 pixels left to pool. With a backbone, features (N, F) replace the images, and
    dropout, if it is not 0, replaces the blocks. After training, the last layer's weights and biases have been divided
    by the temperature.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        groups = _build_groups(architecture)
        self.groups = {name: len(layers) for name, layers in groups.items()}
        self.layers = nn.Sequential(*(layer for layers in groups.values() for layer in layers))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in PyTorch's stubs

    def forward(self, images: Tensor) -> Tensor:
        if images.dim() == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        logits = self.layers(images)
        return torch.log_softmax(logits.float(), dim=1)

    @torch.no_grad()
    def layer_sizes(self) -> list[LayerSize]:
        """Return the sizes of all layers, with input and LogSoftmax, from a forward pass of one image."""
        # Not on the device `meta`: computing shapes there imports PyTorch's compiler, which takes two seconds.
        values = torch.zeros(1, *self.architecture.input_shape, device=next(self.parameters()).device)
        backbone = self.architecture.backbone
        sizes = [_measure(f"features of {backbone.file}" if backbone else "input", values)]
        for layer in copy.deepcopy(self.layers).eval():
            values = layer(values)
            sizes.append(_measure(type(layer).__name__, values, layer))
        return [*sizes, _measure("LogSoftmax", values)]

    def summary(self) -> str:
        """Format the output shape and the number of parameters of every group of layers, and the total."""
        first, *sizes, _ = self.layer_sizes()
        rows = [(first.layer, first.shape, 0)]
        for name, count in self.groups.items():
            group, sizes = sizes[:count], sizes[count:]
            rows.append((name, group[-1].shape, sum(size.parameters for size in group)))
        rows.append(("parameters", "", sum(parameters for *_, parameters in rows)))
        width = max(12, *(len(name) for name, *_ in rows))
        return "\n".join(
            f"  {name:<{width}}{shape:>12}{f'{parameters:,}' if parameters else '':>12}"
            for name, shape, parameters in rows
        )


def to_input(images: Tensor, device: torch.device) -> Tensor:
    """Return uint8 images (N, C, H, W) as float images in [0, 1], and features as they are, on the device."""
    values = images.to(device, torch.float32)
    return values if images.is_floating_point() else values.div_(255)


def _build_groups(architecture: Architecture) -> dict[str, list[nn.Module]]:
    """Build the layers, grouped as in the summary."""
    params = architecture.model
    groups, features = _build_blocks(architecture)
    for number, units in enumerate(params.hidden_layers(), start=1):
        layers = [nn.Linear(features, units), _activation(params), nn.BatchNorm1d(units)]
        groups[f"hidden {number}"] = layers
        features = units
    groups["output"] = [nn.Linear(features, len(architecture.classes))]
    return groups


def _activation(params: ModelParams) -> nn.Module:
    return nn.LeakyReLU(params.negative_slope, inplace=True)  # saves memory and time


def _build_blocks(architecture: Architecture) -> tuple[dict[str, list[nn.Module]], int]:
    """Build the layers before the hidden ones, and return how many features they give."""
    params = architecture.model
    if architecture.backbone:
        return {"dropout": [Dropout(params.dropout)]} if params.dropout else {}, architecture.backbone.features
    channels, height, width = architecture.image_shape
    groups: dict[str, list[nn.Module]] = {}
    if params.crop:
        if params.crop >= min(height, width):
            raise UserError(f"model.crop = {params.crop} leaves nothing of images of {height}x{width} pixels")
        groups["crop"] = [Crop(params.crop)]
        height, width = height - params.crop, width - params.crop
    blocks = params.blocks(architecture.image_shape)
    for block, widths in enumerate(blocks, start=1):
        if min(height, width) < 2:
            raise UserError(
                f"model.conv_channels: block {block} of {len(blocks)} has too few pixels to pool: it"
                f" needs at least 2x2, but only {height}x{width} pixels are left of the"
                f" {'x'.join(map(str, architecture.image_shape[1:]))} image; remove a"
                f" block{' or reduce model.crop' if params.crop else ''}"
            )
        layers = groups[f"block {block}"] = []
        for number, out_channels in enumerate(widths, start=1):
            pool = [MaxPool2d()] if number == len(widths) else []
            after = [_activation(params), nn.BatchNorm2d(out_channels)]
            layers.append(nn.Conv2d(channels, out_channels, 3, padding=1))
            layers += [*pool, *after] if params.pool_first else [*after, *pool]
            channels = out_channels
        height, width = height // 2, width // 2
        if params.dropout:
            layers.append(Dropout(params.dropout))
    groups["flatten"] = [nn.Flatten()]
    return groups, channels * height * width


def _measure(name: str, values: Tensor, layer: nn.Module | None = None) -> LayerSize:
    parameters = sum(parameter.numel() for parameter in layer.parameters()) if layer else 0
    return LayerSize(name, "x".join(map(str, values.shape[1:])), parameters)
