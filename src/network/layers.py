"""Layers that PyTorch lacks, or has only in a slower version or without a deterministic gradient."""

import math
from typing import Any

import torch
from torch import Tensor, nn


class Crop(nn.Module):
    """Crop images (N, C, H, W) by margin pixels along each axis: at random positions in training, centred otherwise."""

    def __init__(self, margin: int) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, images: Tensor) -> Tensor:
        count, _, height, width = images.shape
        height, width = height - self.margin, width - self.margin
        if not self.training:
            start = self.margin // 2
            return images[:, :, start : start + height, start : start + width]
        # A view of all possible crops, (N, C, margin + 1, margin + 1, height, width); one per image is copied.
        crops = images.unfold(2, height, 1).unfold(3, width, 1)
        rows, columns = (torch.randint(self.margin + 1, (count,), device=images.device) for _ in range(2))
        return crops[torch.arange(count, device=images.device), :, rows, columns]


class MaxPool2d(nn.MaxPool2d):
    """nn.MaxPool2d of 2x2 pixels, whose gradient PyTorch can compute on CUDA in deterministic mode, too."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, values: Tensor) -> Tensor:
        pooled: Tensor = _MaxPool2x2.apply(values) if values.is_cuda else super().forward(values)  # type: ignore[no-untyped-call]
        return pooled


class _MaxPool2x2(torch.autograd.Function):
    """2x2 max pooling whose gradient is deterministic; PyTorch's own adds atomically, in no fixed order.

    These windows do not overlap, so that every pixel receives at most one addition, and the order does not matter.
    """

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        pooled, indices = nn.functional.max_pool2d(values, 2, return_indices=True)
        context.save_for_backward(values, indices)
        return pooled

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Any:
        values, indices = context.saved_tensors
        mode = torch.get_deterministic_debug_mode()
        torch.set_deterministic_debug_mode("default")
        try:
            return torch.ops.aten.max_pool2d_with_indices_backward(gradient, values, 2, 2, 0, 1, False, indices)
        finally:
            torch.set_deterministic_debug_mode(mode)


class Dropout(nn.Module):
    """nn.Dropout that draws four mask values from each random 64-bit word on the CPU, in a tenth of the time.

    The probability is rounded to a multiple of 1/65536. The input must be dense.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.threshold = min(round(probability * 2**16), 2**16 - 1)

    def forward(self, values: Tensor) -> Tensor:
        probability = self.threshold / 2**16
        if not self.training or values.is_cuda:
            return nn.functional.dropout(values, probability, self.training)
        words = torch.empty(math.ceil(values.numel() / 4), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(torch.int16).as_strided(values.shape, values.stride())
        return values * (draws >= self.threshold - 2**15).to(values.dtype).mul_(1 / (1 - probability))
