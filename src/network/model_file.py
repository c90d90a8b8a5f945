"""The model file: the weights of one or more networks as safetensors, with the metadata to rebuild them."""

import json
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from pydantic import BaseModel
from safetensors.torch import load, save
from torch import Tensor

from src.common.errors import UserError, damaged
from src.common.files import read_bytes
from src.network.convnet import Architecture, ConvNet

METADATA_KEY = "network"  # only one key: safetensors writes several keys in no fixed order


class Metadata(BaseModel):
    """The architecture of the networks, and a checksum of both it and the weights; safetensors itself has none."""

    architecture: Architecture
    crc32: int


def load_networks(path: Path) -> list[ConvNet]:
    """Read a model file; raise UserError if it is missing, damaged or holds weights that are not finite."""
    data = read_bytes(path)
    try:
        return decode_networks(data)
    except UserError as error:
        raise damaged(path, error) from None


def encode_networks(networks: Sequence[ConvNet]) -> bytes:
    """Encode networks of one architecture; the name of each weight starts with the network's number and a dot."""
    weights = {
        f"{number}.{name}": tensor.detach().cpu().contiguous()
        for number, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    architecture = networks[0].architecture
    metadata = Metadata(architecture=architecture, crc32=_checksum(architecture, weights))
    return save(weights, {METADATA_KEY: metadata.model_dump_json()})


def _checksum(architecture: Architecture, weights: dict[str, Tensor]) -> int:
    return crc32(save(weights), crc32(architecture.model_dump_json().encode()))


def decode_networks(data: bytes) -> list[ConvNet]:
    """Rebuild the networks of a model file on the CPU, in evaluation mode; raise UserError if it is damaged."""
    try:
        header_length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_length])["__metadata__"]
        metadata = Metadata.model_validate_json(header[METADATA_KEY])
        weights = load(data)
        if _checksum(metadata.architecture, weights) != metadata.crc32:
            raise UserError("the checksum is wrong")
        states: dict[int, dict[str, Tensor]] = {}
        for full_name, tensor in weights.items():
            number, _, name = full_name.partition(".")
            states.setdefault(int(number), {})[name] = tensor
            if not tensor.isfinite().all():
                raise UserError(f"{full_name} is not finite")
        if not states:
            raise UserError("no weights")
        networks = [ConvNet(metadata.architecture).eval() for _ in states]
        for network, (_, state) in zip(networks, sorted(states.items()), strict=True):
            network.load_state_dict(state)
    except Exception as error:  # safetensors and PyTorch raise almost anything for a file made to break them
        raise UserError(str(error)) from None
    return networks
