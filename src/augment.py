"""Images in, each a little rotated, moved, scaled and sheared, out."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from src.params import Section


class AugmentParams(Section):
    """How far at most, either way, and when; every image draws its own values, uniformly."""

    rotation: Annotated[float, Field(ge=0, le=180)]  # degrees
    translation: Annotated[float, Field(ge=0, le=1000)]  # pixels, along each axis
    scaling: Annotated[float, Field(ge=0, lt=1)]  # share, along each axis
    shear: Annotated[float, Field(ge=0, lt=1)]  # pixels a pixel
    clean_epochs: Annotated[int, Field(ge=0)]  # the last so many are trained on the images as they are

    @property
    def on(self) -> bool:
        """Whether there is anything to draw."""
        return any((self.rotation, self.translation, self.scaling, self.shear))


@torch.no_grad()
def augment(images: Tensor, params: AugmentParams) -> Tensor:
    """Images float (N, C, H, W), each under an affine map of its own about its middle, drawn on their device.

    Bilinear, with zeros for what comes from outside. The same object when there is nothing to draw.
    """
    if not params.on:
        return images
    count, _, height, width = images.shape

    def draw(most: float) -> Tensor:
        return torch.empty(count, device=images.device).uniform_(-most, most)

    angle, shear = draw(math.radians(params.rotation)), draw(params.shear)
    across, down = (1 + draw(params.scaling) for _ in range(2))
    cosine, sine = angle.cos(), angle.sin()
    # Rotation times shear times scaling, from the pixels of the result to those of the image; affine_grid counts both
    # axes from -1 to 1.
    rows = (
        (cosine * across, (cosine * shear - sine) * down * (height / width), draw(params.translation * 2 / width)),
        (sine * across * (width / height), (sine * shear + cosine) * down, draw(params.translation * 2 / height)),
    )
    matrices = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)  # (N, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
