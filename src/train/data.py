"""Labelled images in memory, and how they are divided into batches."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from src.common.dataset import Dataset, Split
from src.common.errors import UserError, recreate
from src.network.convnet import to_input
from src.train.params import TrainParams

# Steps. BatchNorm's running averages cover about the last ten, and at the end of a shorter epoch, the weights are still
# changing a lot.
SHORT_EPOCH = 100


class LabelledImages(NamedTuple):
    """Images uint8 (N, C, H, W), or a backbone's features float32 (N, F), and labels int64 (N,), on the device.

    In training, row numbers refer to these images, not to those of train.npz.
    """

    images: Tensor
    labels: Tensor

    def select(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return float images in [0, 1], or features, with their labels."""
        return to_input(self.images[rows], self.images.device), self.labels[rows]


class TrainingData(NamedTuple):
    """The images to train on and those to validate on; a refit has no validation images."""

    training: LabelledImages
    validation: LabelledImages | None


def select_data(
    data: Dataset, split: Split, params: TrainParams, device: torch.device, features: np.ndarray | None = None
) -> TrainingData:
    """Copy the training and the validation images to the device; a refit trains on all images.

    features: float32 (N, F), of all images, to be used instead of them.
    Raise UserError if the split has a row number twice, or one that does not exist.
    """
    rows = np.concatenate(split)
    if not np.isin(rows, np.arange(len(data.labels))).all() or len(np.unique(rows)) != len(rows):
        raise UserError(f"the split has rows that occur twice or do not exist; {recreate('split')}")

    inputs = data.images if features is None else features

    def copy(rows: np.ndarray | slice) -> LabelledImages:
        images, labels = (torch.from_numpy(values[rows]).to(device) for values in (inputs, data.labels))
        return LabelledImages(images, labels)

    if params.refit:
        return TrainingData(copy(slice(None)), None)
    return TrainingData(copy(split.train), copy(split.validation))


def split_into_batches(rows: Tensor, size: int, shards: int = 1) -> list[Tensor]:
    """Split rows (N,) into batches of this size, each with at least two rows for each of its shards.

    If fewer are left over, they join the batch before, because BatchNorm cannot train on one image.
    """
    batches = list(rows.split(size))
    if len(batches) > 1 and len(batches[-1]) < 2 * shards:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def derive_seed(*numbers: int) -> int:
    """Derive a seed from the seed of the network, the epoch and, for a shard of a batch, the step and the shard.

    Training can thus be resumed without a saved random-number-generator state. The last number must not be 0, because
    SeedSequence ignores zeros at the end.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
