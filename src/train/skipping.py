"""Which images an epoch trains on."""

import torch
from torch import Tensor


def draw_order(losses: Tensor, skip_easy: float, batch_size: int) -> Tensor:
    """Return the rows of the images to train on, int64 (M,), in random order and on the device of losses.

    Each image whose last loss is below the mean of losses (N,) is left out with probability skip_easy. Those that
    are kept are not reweighted. Use all images if less than one batch would be left.
    Source: similar to Jiang et al., Accelerating Deep Learning by Focusing on the Biggest Losers, 2019; the threshold
    is that of Qin et al., InfoBatch, 2024, which also reweights the images.
    """
    order = torch.randperm(len(losses))
    if skip_easy:
        hard = (losses >= losses.double().mean()).cpu()
        kept = order[(hard | (torch.rand(len(losses)) >= skip_easy))[order]]
        if len(kept) >= batch_size:
            order = kept
    return order.to(losses.device)
