import re
from contextlib import suppress
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


def test_a_flipped_bit_is_noticed() -> None:
    data = encode_networks([make_network()])
    weight = bytearray(data)
    weight[-1000] ^= 1
    with pytest.raises(UserError, match="the checksum is wrong"):
        decode_networks(bytes(weight))
    header = int.from_bytes(data[:8], "little")
    for place in range(0, 8 + header, 11):
        flipped = bytearray(data)
        flipped[place] ^= 1
        with suppress(UserError):
            (decoded,) = decode_networks(bytes(flipped))
            assert encode_networks([decoded]) == data  # "bits", spelled otherwise, has its default value


def test_files_made_to_break_the_reader_are_rejected() -> None:
    def encode(header: bytes) -> bytes:
        return len(header).to_bytes(8, "little") + header

    nested = encode(b'{"__metadata__":' + b"[" * 100_000)
    exotic = encode(b'{"__metadata__":{"network":"{}"},"0.a":{"dtype":"F4","shape":[-1],"data_offsets":[0,0]}}')
    for data in (nested, exotic):
        with pytest.raises(UserError):
            decode_networks(data)


def test_a_file_with_another_architecture_is_rejected() -> None:
    data = encode_networks([make_network()])
    changed = re.sub(rb"0\.25", b"0.35", data, count=1)
    assert changed != data
    with pytest.raises(UserError, match="the checksum is wrong"):
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
