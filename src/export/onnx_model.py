"""Export trained networks as one ONNX file that needs neither this project nor PyTorch."""

import json
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from src.network.convnet import ConvNet
from src.network.views import shifted_views


class Classifier(nn.Module):
    """An ensemble as one module: maps uint8 images (N, C, H, W) to float32 probabilities (N, K).

    It averages over the networks and over shifted views of the image, as the evaluate stage does.
    """

    def __init__(self, networks: Sequence[ConvNet], shift: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.shift = shift

    def forward(self, images: Tensor) -> Tensor:
        views = shifted_views(images.to(torch.float32) / 255, self.shift)
        probabilities = [network(torch.cat(views)).exp().unflatten(0, (len(views), -1)) for network in self.networks]
        return torch.cat(probabilities).mean(0)


def to_onnx(networks: Sequence[ConvNet], shift: int) -> bytes:
    """Convert networks to ONNX: input `images`, output `probabilities`, and the class names as JSON in `classes`."""
    architecture = networks[0].architecture
    example = torch.zeros(2, *architecture.image_shape, dtype=torch.uint8)
    with warnings.catch_warnings(action="ignore"):  # from PyTorch's own code
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
        node.metadata_props.clear()  # source locations, which contain local paths
    program.model.metadata_props["classes"] = json.dumps(architecture.classes)
    data: bytes = program.model_proto.SerializeToString()
    return data
