"""Random affine and elastic augmentation, drawn independently for every image."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from src.common.sprites import COLUMNS, make_sprite_sheet
from src.train.params import AugmentParams


@torch.no_grad()
def augment(images: Tensor, params: AugmentParams) -> Tensor:
    """Rotate, shear, scale, translate and deform float images (N, C, H, W), on their device.

    Interpolation is bilinear; pixels from outside the image are zero. Return the input itself if nothing is enabled.
    Source of the elastic deformation: Simard et al., Best Practices for Convolutional Neural Networks, 2003.
    """
    if not params.enabled:
        return images
    count, _, height, width = images.shape

    def draw(limit: float) -> Tensor:
        return torch.empty(count, device=images.device).uniform_(-limit, limit)

    angle, shear = draw(math.radians(params.rotation)), draw(params.shear)
    scale_x, scale_y = (1 + draw(params.scaling) for _ in range(2))
    cosine, sine = angle.cos(), angle.sin()
    # Rotation times shear times scaling, from output to input pixels; affine_grid measures both axes from -1 to 1.
    rows = (
        (cosine * scale_x, (cosine * shear - sine) * scale_y * (height / width), draw(params.translation * 2 / width)),
        (sine * scale_x * (width / height), (sine * shear + cosine) * scale_y, draw(params.translation * 2 / height)),
    )
    matrices = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)  # (N, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    if params.elastic:
        shifts = torch.randn(count, 2, 5, 5, device=images.device) * params.elastic
        smooth = F.interpolate(shifts, size=(height, width), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
        grid[..., 0] += smooth[..., 0] * (2 / width)
        grid[..., 1] += smooth[..., 1] * (2 / height)
    return F.grid_sample(images, grid, align_corners=False)


def draw_examples(images: np.ndarray, params: AugmentParams, seed: int) -> bytes:
    """Draw the first 20 of the uint8 images (N, C, H, W), each above four random augmentations of it, as a PNG."""
    torch.manual_seed(seed)
    first = images[np.arange(COLUMNS) % len(images)]  # repeated if there are fewer
    examples = torch.from_numpy(first).repeat(5, 1, 1, 1) / 255
    examples[COLUMNS:] = augment(examples[COLUMNS:], params)
    return make_sprite_sheet(examples.mul(255).round().to(torch.uint8).numpy())
