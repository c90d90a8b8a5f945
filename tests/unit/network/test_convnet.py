from typing import Any

import pytest
import torch
from torch import nn

from src.common.artifacts import LayerSize
from src.common.errors import UserError
from src.network.params import ModelParams
from tests.builders import NOTEBOOK_MODEL, make_network

WITHOUT_DROPOUT = NOTEBOOK_MODEL | {
    "conv_channels": [[32], [64], [128]],
    "hidden_units": [128, 64],
    "dropout": 0.0,
}


@pytest.mark.parametrize(("model", "parameters"), [(WITHOUT_DROPOUT, 249_994), (NOTEBOOK_MODEL, 288_618)])
def test_the_notebooks_networks_have_its_shapes_and_parameter_counts(model: dict[str, Any], parameters: int) -> None:
    network = make_network(**model)
    assert sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad) == parameters
    pooled = [size.shape for size in network.layer_sizes() if size.layer in ("MaxPool2d", "Flatten")]
    assert pooled == ["32x14x14", "64x7x7", "128x3x3", "1152"]
    assert sum(size.parameters for size in network.layer_sizes()) == parameters
    lines = [line.split() for line in network.summary().splitlines()]
    assert lines[0] == ["input", "1x28x28"]
    assert [line[2] for line in lines if line[0] == "block"] == pooled[:3]
    assert lines[-1] == ["parameters", f"{parameters:,}"]


@pytest.mark.parametrize(
    ("model", "layers"),
    [({}, [128]), ({"backbone": "lite.onnx"}, []), ({"backbone": "lite.onnx", "hidden_units": [8]}, [8])],
)
def test_the_default_hidden_layers_depend_on_the_backbone(model: dict[str, Any], layers: list[int]) -> None:
    assert ModelParams.model_validate(model).hidden_layers() == layers


def test_layers_are_in_the_notebooks_order() -> None:
    block = ["Conv2d", "LeakyReLU", "BatchNorm2d"]
    head = ["Flatten", "Linear", "LeakyReLU", "BatchNorm1d", "Linear"]
    pool = ["MaxPool2d", "Dropout"]
    expected = block * 2 + pool + block * 2 + pool + block + pool + head
    network = make_network()
    assert [size.layer for size in network.layer_sizes()] == ["input", *expected, "LogSoftmax"]


def test_pooling_first_changes_the_order_but_not_what_the_network_can_compute() -> None:
    first, last = (make_network(pool_first=pool_first).eval() for pool_first in (True, False))
    assert [size.layer for size in first.layer_sizes()][4:8] == ["Conv2d", "MaxPool2d", "LeakyReLU", "BatchNorm2d"]
    images = torch.rand(4, 1, 28, 28)
    assert torch.allclose(first(images), last(images), atol=1e-6)  # increasing functions commute with the maximum


@pytest.mark.parametrize("pool_first", [True, False])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 47), (1, 8, 9)])
def test_sizes_are_the_shapes_that_the_layers_return(shape: tuple[int, int, int], pool_first: bool) -> None:
    network = make_network(shape, pool_first=pool_first)
    sizes = [size.shape for size in network.layer_sizes()]
    seen: list[str] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append("x".join(map(str, output.shape[1:]))))
    network(torch.rand(2, *shape))
    assert seen == sizes[1:-1]


def test_the_output_is_log_probabilities() -> None:
    output = make_network(classes=3).eval()(torch.rand(4, 1, 28, 28))
    assert output.shape == (4, 3)
    assert torch.allclose(output.exp().sum(1), torch.ones(4))


def test_a_crop_to_24_pixels_keeps_the_notebooks_features() -> None:
    network = make_network(crop=4)
    assert [size.shape for size in network.layer_sizes() if size.layer == "Flatten"] == ["1152"]
    assert network.layer_sizes()[1] == LayerSize("Crop", "1x24x24", 0)
    with pytest.raises(UserError, match=r"model.crop = 28 leaves nothing of images of 28x28"):
        make_network(crop=28)


def test_more_blocks_than_the_image_has_pixels_for_are_rejected() -> None:
    message = "block 4 of 5 has too few pixels to pool: it needs at least 2x2, but only 1x1 pixels are left of the 8x12"
    with pytest.raises(UserError, match=message):
        make_network((1, 8, 12), conv_channels=[[8]] * 5)


@pytest.mark.parametrize(
    ("side", "crop", "expected"),
    [
        (8, 4, ["32x2x2", "64x1x1"]),
        (36, 4, ["32x16x16", "64x8x8", "128x4x4"]),
        (37, 4, ["16x16x16", "32x8x8", "64x4x4", "128x2x2"]),
        (65, 0, ["16x32x32", "32x16x16", "64x8x8", "128x4x4"]),
        (96, 4, ["16x46x46", "16x23x23", "32x11x11", "64x5x5", "128x2x2"]),
    ],
)
def test_auto_has_the_blocks_that_fit_the_images(side: int, crop: int, expected: list[str]) -> None:
    network = make_network((3, side, side), crop=crop)
    assert [size.shape for size in network.layer_sizes() if size.layer == "MaxPool2d"] == expected


def test_a_negative_slope_of_zero_is_relu() -> None:
    network = make_network(negative_slope=0.0)
    network(torch.rand(2, 1, 28, 28)).sum().backward()
    assert isinstance(network.layers[1], nn.LeakyReLU)
    assert network.layers[1](torch.tensor([-1.0, 1.0])).tolist() == [0.0, 1.0]


def test_a_crop_that_is_too_small_is_named() -> None:
    with pytest.raises(UserError, match=r"block 2 of 3 has too few .* remove a block or reduce model\.crop"):
        make_network(crop=26, conv_channels=[[4]] * 3)
