"""Networks in, one ONNX file out that needs neither this project nor PyTorch."""

import json
import warnings
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.model import ConvNet


class Classifier(nn.Module):
    """The vote of networks: images uint8 (N, C, H, W) in, probabilities float32 (N, K) out.

    They are means over the networks and over the image moved by up to shift pixels, as in src/evaluate.py.
    """

    def __init__(self, networks: Sequence[ConvNet], shift: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.shift = shift

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        places = range(2 * self.shift + 1)
        padded = F.pad(images.to(torch.float32) / 255, [self.shift] * 4)
        views = [padded[:, :, y : y + height, x : x + width] for y in places for x in places]
        probabilities = [network(torch.cat(views)).exp().unflatten(0, (len(views), -1)) for network in self.networks]
        return torch.cat(probabilities).mean(0)


def to_onnx(networks: Sequence[ConvNet], shift: int) -> bytes:
    """Input `images` and output `probabilities` as Classifier has them, any N; the class names as JSON in `classes`."""
    architecture = networks[0].architecture
    example = torch.zeros(2, *architecture.image_shape, dtype=torch.uint8)
    with warnings.catch_warnings(action="ignore"):  # of PyTorch's own code
        program = torch.onnx.export(
            Classifier(networks, shift).eval(),
            (example,),
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes={"images": {0: "N"}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph:
        node.metadata_props.clear()  # the lines of code, with their paths on this machine
    program.model.metadata_props["classes"] = json.dumps(architecture.classes)
    data: bytes = program.model_proto.SerializeToString()
    return data
