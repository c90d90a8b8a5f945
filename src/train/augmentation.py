"""Random augmentation, drawn independently for every image."""

import math
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from src.common.sprites import COLUMNS, make_sprite_sheet
from src.train.params import AugmentParams


@torch.no_grad()
def augment(images: Tensor, params: AugmentParams) -> Tensor:
    """Change float images (N, C, H, W) in [0, 1], on their device; return the input itself if nothing is enabled."""
    if params.deforms:
        images = _deform(images, params)
    if params.recolours:
        images = _recolour(images, params)
    return images


def _deform(images: Tensor, params: AugmentParams) -> Tensor:
    """Rotate, shear, scale, mirror and translate images about their centres.

    Interpolation is bilinear; pixels from outside the image are zero.
    """
    height, width = images.shape[2:]
    draw = partial(_draw, images)
    angle, shear = draw(math.radians(params.rotation)), draw(params.shear)
    scale_x, scale_y = (1 + draw(params.scaling) for _ in range(2))
    if params.flip:
        scale_x *= draw(1.0).sign()
    cosine, sine = angle.cos(), angle.sin()
    # Rotation times shear times scaling, from output to input pixels; affine_grid measures both axes from -1 to 1.
    rows = (
        (cosine * scale_x, (cosine * shear - sine) * scale_y * (height / width), draw(params.translation * 2 / width)),
        (sine * scale_x * (width / height), (sine * shear + cosine) * scale_y, draw(params.translation * 2 / height)),
    )
    matrices = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)  # (N, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _recolour(images: Tensor, params: AugmentParams) -> Tensor:
    """Change the brightness, contrast and saturation of images: the distances from black, from the mean, from grey."""
    black, mean, grey = (
        torch.zeros_like(images[:, :1]),
        images.mean((1, 2, 3), keepdim=True),
        images.mean(1, keepdim=True),
    )
    for centre, limit in ((grey, params.saturation), (mean, params.contrast), (black, params.brightness)):
        if limit:
            images = centre + (images - centre) * (1 + _draw(images, limit))[:, None, None, None]
    return images.clamp(0, 1)


def _draw(images: Tensor, limit: float) -> Tensor:
    """Draw a number between -limit and limit for every image, float32 (N,)."""
    return torch.empty(len(images), device=images.device).uniform_(-limit, limit)


def draw_examples(images: np.ndarray, params: AugmentParams, seed: int) -> bytes:
    """Draw the first 20 of the uint8 images (N, C, H, W), each above four random augmentations of it, as a PNG."""
    torch.manual_seed(seed)
    first = images[np.arange(COLUMNS) % len(images)]  # repeated if there are fewer
    examples = torch.from_numpy(first).repeat(5, 1, 1, 1) / 255
    examples[COLUMNS:] = augment(examples[COLUMNS:], params)
    return make_sprite_sheet(examples.mul(255).round().to(torch.uint8).numpy())
