"""Settings of a network in, the network out, with the shape of every layer worked out; and to and from a file."""

import json
import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import torch
from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from src.params import Section

METADATA_KEY = "network"  # a single one: safetensors writes several in no fixed order


class ModelParams(Section):
    crop: NonNegativeInt
    conv_channels: Annotated[list[Annotated[list[PositiveInt], Field(min_length=1)]], Field(min_length=1)]
    hidden_units: list[PositiveInt]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    negative_slope: Annotated[float, Field(ge=0, le=1)]


class Architecture(BaseModel):
    """All that rebuilds a network: its settings, the shape (C, H, W) of an image and the K class names."""

    model: ModelParams
    image_shape: tuple[int, int, int]
    classes: list[str]


class LayerSize(NamedTuple):
    """A layer, its output's shape without the batch's dimension, and its number of trainable parameters."""

    layer: str
    shape: tuple[int, ...]
    parameters: int


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Output size along one axis of a convolution or a pooling, as PyTorch's Conv2d and MaxPool2d define it."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


class Crop(nn.Module):
    """A window of size x size pixels: anywhere in each image while training, in the middle otherwise."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        count, channels, height, width = images.shape
        spare = (height - self.size, width - self.size)
        if not self.training:
            top, left = spare[0] // 2, spare[1] // 2
            return images[:, :, top : top + self.size, left : left + self.size]
        window = torch.arange(self.size, device=images.device)
        rows, columns = (
            torch.randint(pixels + 1, (count, 1), device=images.device) + window  # (N, size)
            for pixels in spare
        )
        each_image = torch.arange(count, device=images.device)[:, None, None, None]
        each_channel = torch.arange(channels, device=images.device)[:, None, None]
        return images[each_image, each_channel, rows[:, None, :, None], columns[:, None, None, :]]


class Dropout(nn.Module):
    """nn.Dropout, with masks drawn four to a 64-bit word on the CPU, which takes a tenth of the time.

    The probability is rounded to a multiple of 1/65536. Needs a dense input.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.threshold = min(round(probability * 2**16), 2**16 - 1)

    def forward(self, values: Tensor) -> Tensor:
        dropped = self.threshold / 2**16
        if not self.training or values.is_cuda:
            return nn.functional.dropout(values, dropped, self.training)
        words = torch.empty(math.ceil(values.numel() / 4), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(torch.int16).as_strided(values.shape, values.stride())
        return values * (draws >= self.threshold - 2**15).to(values.dtype).mul_(1 / (1 - dropped))


class ConvNet(nn.Module):
    """Blocks of 3x3 convolutions, each block ended by a 2x2 max pooling, then linear layers.

    The activation comes before the normalisation: convolution, LeakyReLU, BatchNorm2d; linear, LeakyReLU, BatchNorm1d.
    Takes float images (N, C, H, W) in [0, 1], gives log-probabilities float32 (N, K). ValueError when a block's
    pooling has fewer than 2x2 pixels left.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.sizes: list[LayerSize] = []
        params = architecture.model
        channels, height, width = architecture.image_shape
        layers: list[nn.Module] = []

        def activation() -> nn.LeakyReLU:
            # In place saves a pass over the memory; PyTorch's backward pass can do it for a positive slope only.
            return nn.LeakyReLU(params.negative_slope, inplace=params.negative_slope > 0)

        def add(layer: nn.Module, *shape: int) -> None:
            layers.append(layer)
            parameters = sum(parameter.numel() for parameter in layer.parameters())
            self.sizes.append(LayerSize(type(layer).__name__, shape, parameters))

        if params.crop:
            if params.crop > min(height, width):
                raise ValueError(f"model.crop = {params.crop} does not fit images of {height}x{width}")
            height = width = params.crop
            add(Crop(params.crop), channels, height, width)
        for block, widths in enumerate(params.conv_channels, start=1):
            for out_channels in widths:
                height, width = (output_size(size, kernel=3, padding=1) for size in (height, width))
                add(nn.Conv2d(channels, out_channels, 3, padding=1), out_channels, height, width)
                channels = out_channels
                add(activation(), channels, height, width)
                add(nn.BatchNorm2d(channels), channels, height, width)
            pooled = [output_size(size, kernel=2, stride=2) for size in (height, width)]
            if min(pooled) < 1:
                raise ValueError(
                    f"model.conv_channels: block {block} of {len(params.conv_channels)} ran out of pixels: its pooling"
                    f" needs 2x2, and of {'x'.join(map(str, architecture.image_shape[1:]))} pixels only"
                    f" {height}x{width} arrive there; take out a block"
                )
            height, width = pooled
            add(nn.MaxPool2d(2), channels, height, width)
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
        """Name, output shape as `32x14x14` and parameters of every layer, from the input to the log-probabilities."""
        first = LayerSize("input", self.architecture.image_shape, 0)
        last = LayerSize("LogSoftmax", self.sizes[-1].shape, 0)
        return [(size.layer, "x".join(map(str, size.shape)), size.parameters) for size in (first, *self.sizes, last)]

    def table(self) -> str:
        """The same for reading, with the sum of the parameters."""
        rows = self.layer_rows()
        rows.append(("parameters", "", sum(parameters for *_, parameters in rows)))
        return "\n".join(
            f"  {layer:<12}{shape:>12}{f'{parameters:,}' if parameters else '':>12}"
            for layer, shape, parameters in rows
        )


def networks_bytes(networks: Sequence[ConvNet]) -> bytes:
    """The weights of networks of one architecture, and in the metadata that architecture, as a safetensors file.

    A name is the network's number, a point, and the name in the network.
    """
    weights = {
        f"{number}.{name}": tensor.detach().cpu().contiguous()
        for number, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    return save(weights, {METADATA_KEY: networks[0].architecture.model_dump_json()})


def load_networks(data: bytes) -> list[ConvNet]:
    """The networks in a safetensors file, on the CPU, ready to predict; ValueError when there are none in it."""
    try:
        header_length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + header_length])["__metadata__"]
        architecture = Architecture.model_validate_json(metadata[METADATA_KEY])
        weights: dict[int, dict[str, Tensor]] = {}
        for full_name, tensor in load(data).items():
            number, _, name = full_name.partition(".")
            weights.setdefault(int(number), {})[name] = tensor
        if not weights:
            raise ValueError("no weights")
        networks = [ConvNet(architecture).eval() for _ in weights]
        for network, (_, state) in zip(networks, sorted(weights.items()), strict=True):
            _load_weights(network, state)
    except (ValueError, SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"not a network of this project: {error}") from None
    return networks


def _load_weights(network: ConvNet, state: dict[str, Tensor]) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(str(error)) from None
