"""Labelled images in memory, and how they are divided into batches."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from src.common.errors import UserError, recreate
from src.train.params import TrainParams

# Steps. BatchNorm's running averages cover about the last ten, in which a shorter epoch changes a lot; and where all
# images make a shorter epoch, leaving some out saves little time and costs accuracy.
SHORT_EPOCH = 100


class LabelledImages(NamedTuple):
    """Images uint8 (N, C, H, W) and labels int64 (N,), on the training device."""

    images: Tensor
    labels: Tensor

    def select(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return float images in [0, 1] with their labels."""
        images = self.images[rows].to(torch.float32).div_(255)
        return images.contiguous(memory_format=torch.channels_last), self.labels[rows]


class TrainingData(NamedTuple):
    """The images to train on and those to validate on; a refit has no validation images."""

    training: LabelledImages
    validation: LabelledImages | None


def select_data(
    arrays: dict[str, np.ndarray], rows: dict[str, np.ndarray], params: TrainParams, device: torch.device
) -> TrainingData:
    """Copy the training and validation rows of `images` and `labels` to the device; a refit trains on all rows.

    Raise UserError if a row number occurs twice or there is no such row.
    """
    all_rows = np.concatenate([rows["train"], rows["validation"]])
    if not np.isin(all_rows, np.arange(len(arrays["labels"]))).all() or len(np.unique(all_rows)) != len(all_rows):
        raise UserError(f"the split has rows that occur twice or do not exist; {recreate('split')}")

    def select(selection: Any) -> LabelledImages:
        return LabelledImages(*(torch.from_numpy(arrays[name][selection]).to(device) for name in ("images", "labels")))

    if params.refit:
        return TrainingData(select(slice(None)), None)
    return TrainingData(select(rows["train"]), select(rows["validation"]))


def split_into_batches(rows: Tensor, size: int, shards: int = 1) -> list[Tensor]:
    """Split rows (N,) into batches of size, each with at least two rows for each of shards parts.

    Fewer rows left over join the last batch, because BatchNorm cannot train on one image.
    """
    batches = list(rows.split(size))
    if len(batches) > 1 and len(batches[-1]) < 2 * shards:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
