"""The layers that PyTorch lacks, or has in a slower form."""

import math

import torch
from torch import Tensor, nn


class Crop(nn.Module):
    """Crop images (N, C, H, W) to size x size pixels: at random positions during training, centred otherwise."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        count, channels, height, width = images.shape
        spare = (height - self.size, width - self.size)
        if not self.training:
            top, left = spare[0] // 2, spare[1] // 2
            return images[:, :, top : top + self.size, left : left + self.size]
        window = torch.arange(self.size, device=images.device)
        rows, columns = (
            torch.randint(pixels + 1, (count, 1), device=images.device) + window  # (N, size)
            for pixels in spare
        )
        each_image = torch.arange(count, device=images.device)[:, None, None, None]
        each_channel = torch.arange(channels, device=images.device)[:, None, None]
        return images[each_image, each_channel, rows[:, None, :, None], columns[:, None, None, :]]


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
