import re
from typing import Any

import pytest
import torch
from src.model import Architecture, ConvNet, Crop, Dropout, ModelParams, load_networks, networks_bytes, output_size
from torch import nn

PLAIN = {
    "crop": 0,
    "conv_channels": [[32], [64], [128]],
    "hidden_units": [128, 64],
    "dropout": 0.0,
    "negative_slope": 0.1,
}
DROPOUT = {
    "crop": 0,
    "conv_channels": [[32, 32], [64, 64], [128]],
    "hidden_units": [128],
    "dropout": 0.25,
    "negative_slope": 0.1,
}


def network(shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10, **settings: Any) -> ConvNet:
    torch.manual_seed(0)
    names = [str(index) for index in range(classes)]
    model = ModelParams.model_validate(DROPOUT | settings)
    return ConvNet(Architecture(model=model, image_shape=shape, classes=names))


@pytest.mark.parametrize(("settings", "parameters"), [(PLAIN, 249_994), (DROPOUT, 288_618)])
def test_notebook_networks_have_its_shapes_and_parameters(settings: dict[str, Any], parameters: int) -> None:
    made = network(**settings)
    assert sum(parameter.numel() for parameter in made.parameters() if parameter.requires_grad) == parameters
    pooled = [size.shape for size in made.sizes if size.layer in ("MaxPool2d", "Flatten")]
    assert pooled == [(32, 14, 14), (64, 7, 7), (128, 3, 3), (1152,)]
    assert f"{parameters:,}" in made.table().splitlines()[-1]


def test_layers_come_in_the_notebooks_order() -> None:
    block = ["Conv2d", "LeakyReLU", "BatchNorm2d"]
    head = ["Flatten", "Linear", "LeakyReLU", "BatchNorm1d", "Linear"]
    pool = ["MaxPool2d", "Dropout"]
    expected = block * 2 + pool + block * 2 + pool + block + pool + head
    assert [size.layer for size in network().sizes] == expected


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 47), (1, 8, 9)])
def test_the_table_shows_the_shapes_that_the_layers_give(shape: tuple[int, int, int]) -> None:
    made = network(shape)
    seen: list[tuple[int, ...]] = []
    for layer in made.layers:
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append(tuple(output.shape[1:])))
    made(torch.rand(2, *shape))
    assert seen == [size.shape for size in made.sizes]


def test_output_size_is_pytorchs() -> None:
    for size in (5, 28, 31):
        for kernel, stride, padding, dilation in ((3, 1, 1, 1), (2, 2, 0, 1), (3, 2, 1, 2), (5, 3, 2, 1)):
            layer = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
            assert layer(torch.rand(1, 1, size)).shape[-1] == output_size(size, kernel, stride, padding, dilation)


def test_gives_log_probabilities() -> None:
    output = network(classes=3).eval()(torch.rand(4, 1, 28, 28))
    assert output.shape == (4, 3)
    assert torch.allclose(output.exp().sum(1), torch.ones(4))


def test_crop_is_the_middle_when_predicting_and_anywhere_when_training() -> None:
    torch.manual_seed(0)
    images = torch.arange(200 * 2 * 6 * 7.0).view(200, 2, 6, 7)
    crop = Crop(4)
    assert torch.equal(crop.eval()(images), images[:, :, 1:5, 1:5])
    cropped = crop.train()(images)
    corners = cropped[:, 0, 0, 0] - images[:, 0, 0, 0]
    assert sorted(set(corners.tolist())) == [7 * row + column for row in range(3) for column in range(4)]
    windows = {
        7 * row + column: images[:, :, row : row + 4, column : column + 4] for row in range(3) for column in range(4)
    }
    assert all(torch.equal(cropped[i], windows[int(corner)][i]) for i, corner in enumerate(corners))


def test_a_crop_keeps_the_notebooks_features() -> None:
    made = network(crop=24)
    assert [size.shape for size in made.sizes if size.layer == "Flatten"] == [(1152,)]
    assert made.sizes[0] == ("Crop", (1, 24, 24), 0)
    with pytest.raises(ValueError, match=r"model.crop = 29 does not fit images of 28x28"):
        network(crop=29)


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"block 4 of 5 ran out of pixels: its pooling needs 2x2, and of 8x12 pixels only 1x1 arrive"
    ):
        network((1, 8, 12), conv_channels=[[8]] * 5)


def test_dropout_is_pytorchs_in_distribution() -> None:
    torch.manual_seed(0)
    values = torch.ones(64, 32, 28, 28).to(memory_format=torch.channels_last)
    dropout = Dropout(0.25)
    out = dropout(values)
    assert out.stride() == values.stride()
    kept = out != 0
    # A million and a half draws: five standard deviations are 0.0017.
    assert abs(kept.float().mean().item() - 0.75) < 0.0017
    for axis in range(4):
        others = [other for other in range(4) if other != axis]
        assert kept.float().mean(others).sub(0.75).abs().max() < 0.02
    assert torch.allclose(out[kept], torch.tensor(4 / 3))
    assert torch.equal(dropout.eval()(values), values)


def test_dropout_close_to_one_is_no_division_by_zero() -> None:
    assert Dropout(0.999999)(torch.ones(100)).isfinite().all()


def test_dropout_keeps_the_gradient_of_what_it_keeps() -> None:
    values = torch.rand(5, 7, requires_grad=True)
    out = Dropout(0.5)(values)
    out.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, (out != 0) * 2.0)


def test_zero_slope_is_relu() -> None:
    made = network(negative_slope=0.0)
    made(torch.rand(2, 1, 28, 28)).sum().backward()
    assert isinstance(made.layers[1], nn.LeakyReLU)
    assert made.layers[1](torch.tensor([-1.0, 1.0])).tolist() == [0.0, 1.0]


def test_networks_come_back_from_their_file() -> None:
    made = [network((3, 20, 24), classes=4).eval() for _ in range(12)]
    for number, single in enumerate(made):
        nn.init.constant_(next(single.parameters()), number / 12)
    data = networks_bytes(made)
    assert data == networks_bytes(made)
    loaded = load_networks(data)
    assert len(loaded) == 12
    images = torch.rand(2, 3, 20, 24)
    for before, after in zip(made, loaded, strict=True):
        assert after.architecture == before.architecture
        assert torch.equal(after(images), before(images))


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_damaged_file_is_refused(keep: int) -> None:
    with pytest.raises(ValueError, match="not a network of this project"):
        load_networks(networks_bytes([network()])[:keep])


def test_a_file_whose_weights_and_settings_disagree_is_refused() -> None:
    data = networks_bytes([network()])
    changed = re.sub(rb"\[128\]\],", b"[129]],", data)
    with pytest.raises(ValueError, match="not a network of this project"):
        load_networks(changed)
