"""The shifted views of an image over which test-time augmentation averages."""

import torch.nn.functional as F
from torch import Tensor


def shifted_views(images: Tensor, shift: int) -> list[Tensor]:
    """Shift images (N, C, H, W) by up to shift pixels along each axis, padding with zeros: (2 * shift + 1)**2 views."""
    height, width = images.shape[2:]
    offsets = range(2 * shift + 1)
    padded = F.pad(images, [shift] * 4)
    return [padded[:, :, y : y + height, x : x + width] for y in offsets for x in offsets]
