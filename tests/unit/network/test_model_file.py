import re
from pathlib import Path

import pytest
import torch
from torch import nn

from src.common.errors import UserError
from src.network.model_file import decode_networks, encode_networks, load_networks
from tests.builders import make_network


def test_networks_are_read_back_in_order() -> None:
    networks = [make_network((3, 20, 24), classes=4).eval() for _ in range(12)]
    for number, network in enumerate(networks):
        nn.init.constant_(next(network.parameters()), number / 12)
    data = encode_networks(networks)
    assert data == encode_networks(networks)
    decoded = decode_networks(data)
    assert len(decoded) == 12
    images = torch.rand(2, 3, 20, 24)
    for before, after in zip(networks, decoded, strict=True):
        assert after.architecture == before.architecture
        assert torch.equal(after(images), before(images))


@pytest.mark.parametrize("end", [0, 4, 100, -1])
def test_a_truncated_file_is_rejected(end: int) -> None:
    with pytest.raises(UserError):
        decode_networks(encode_networks([make_network()])[:end])


def test_a_damaged_weight_is_noticed() -> None:
    data = bytearray(encode_networks([make_network()]))
    data[-1000] ^= 1
    with pytest.raises(UserError, match="the weights do not match their checksum"):
        decode_networks(bytes(data))


def test_a_file_whose_weights_do_not_fit_its_architecture_is_rejected() -> None:
    data = encode_networks([make_network()])
    changed = re.sub(rb"\[128\]\],", b"[129]],", data)
    assert changed != data
    with pytest.raises(UserError, match="size mismatch"):
        decode_networks(changed)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_rejected(tmp_path: Path, value: float) -> None:
    network = make_network()
    nn.init.constant_(next(network.parameters()), value)
    path = tmp_path / "train/model.safetensors"
    path.parent.mkdir()
    path.write_bytes(encode_networks([network]))
    with pytest.raises(
        UserError, match=r"model.safetensors is damaged .*\(0.layers.0.weight is not finite\); run `dvc repro"
    ):
        load_networks(path)
