"""The `model` section of params.yaml, and types that the sections of several stages use."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from src.common.params import Auto, Section, parameter

Device = Literal["auto", "cpu", "cuda"]
Width = Annotated[int, Field(ge=1, le=2**16)]  # of a layer; PyTorch fails with a traceback on sizes beyond 2**63
NO_BACKBONE = "backbone"  # a folder in Git, because DVC needs a dependency that exists
BLOCKS = [[32, 32], [64, 64], [128]]
FIRST_BLOCK = [16]
HIDDEN = [128]
LARGEST_SIDE = 32  # pixels before BLOCKS


class ModelParams(Section):
    backbone: str = parameter(
        NO_BACKBONE,
        "ONNX file of a pretrained network whose features replace the convolutions, or a folder with the file and its"
        " weights; the default, backbone, stands for no pretrained network. With one, hidden_units, dropout and"
        " negative_slope are the only other parameters of model that have an effect.",
        min_length=1,
    )
    crop: NonNegativeInt = parameter(
        4,
        "Pixels to cut from each axis of an image before it enters the network: 4 crops 28x28 images to 24x24. The"
        " crop is random during training, centred otherwise; 0 uses the whole image.",
        "pixels",
    )
    conv_channels: Auto | Annotated[list[Annotated[list[Width], Field(min_length=1)]], Field(min_length=1)] = parameter(
        "auto",
        "Output channels of the 3x3 convolutions, one list per block; every block has 2x2 max pooling. auto is [[32,"
        " 32], [64, 64], [128]], preceded by as many blocks [16] as are needed to reduce the shorter side to at most 32"
        " pixels; blocks too deep for small images are dropped.",
    )
    pool_first: bool = parameter(
        True,
        "Pool directly after the last convolution of a block, before its LeakyReLU and BatchNorm, which is faster;"
        " false pools at the end of the block.",
    )
    hidden_units: Auto | list[Width] = parameter(
        "auto", "Sizes of the hidden linear layers; [] for none. auto is [128], or [] with a backbone."
    )
    dropout: float = parameter(
        0.25,
        "Dropout probability at the end of every block, or for the features of a backbone; 0 for no dropout.",
        ge=0,
        lt=1,
    )
    negative_slope: float = parameter(0.1, "Slope of LeakyReLU for negative inputs; 0 gives ReLU.", ge=0, le=1)

    def hidden_layers(self) -> list[int]:
        """Return hidden_units with auto resolved."""
        if self.hidden_units != "auto":
            return self.hidden_units
        return HIDDEN if self.backbone == NO_BACKBONE else []

    def blocks(self, image_shape: tuple[int, int, int]) -> list[list[int]]:
        """Return conv_channels for images (C, H, W), with auto resolved."""
        if self.conv_channels != "auto":
            return self.conv_channels
        side = max(1, min(image_shape[1:]) - self.crop)
        first: list[list[int]] = []
        while side > LARGEST_SIDE:
            first.append(FIRST_BLOCK)
            side //= 2
        return first + BLOCKS[: max(1, side.bit_length() - 1)]  # without blocks that would have nothing left to pool
