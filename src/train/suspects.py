"""Find the images whose label may be wrong, by the losses that training measures anyway.

The network learns a wrong label late or never, so that its loss, averaged over the epochs, stays high. The two limits
were chosen with benchmarks/labels.py, on seeds other than those published.
Source: similar to Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking, 2020, which
averages the margin of the logits.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from src.common.artifacts import SUSPECTS_SHOWN, SUSPICIOUS_LOSS, Suspect
from src.common.dataset import Dataset, Split
from src.common.sprites import make_sprite_sheet
from src.network.convnet import ConvNet, to_input
from src.train.training import ImageLosses

HOPELESS_LOSS = math.log(6)  # enough even if the network predicts the label: in long training, it memorises it
BATCH = 250  # images


class Ranking(NamedTuple):
    """Rows of train.npz int64 (N,), the most suspicious first, with their part and mean loss."""

    rows: np.ndarray
    parts: np.ndarray
    losses: np.ndarray


def find_suspects(
    data: Dataset, inputs: np.ndarray, split: Split, losses: ImageLosses, networks: Sequence[ConvNet]
) -> tuple[list[Suspect], bytes]:
    """Return the suspects, the most suspicious first, and a sprite sheet of the first 200.

    inputs: what the networks take, the images or their features (N, F). losses: of the training and validation images;
    after a refit, of all images, as training images.
    """
    ranking = rank(split, losses)
    rows, parts, values = (column[ranking.losses > SUSPICIOUS_LOSS] for column in ranking)
    predicted = _predict(networks, inputs[rows])
    suspicious = (predicted != data.labels[rows]) | (values > HOPELESS_LOSS)
    rows, parts, values, predicted = (column[suspicious] for column in (rows, parts, values, predicted))
    columns = (
        parts.tolist(),
        rows.tolist(),
        [data.classes[label] for label in data.labels[rows]],
        [data.classes[label] for label in predicted],
        (1 - np.exp(-values)).tolist(),
        [digest.tobytes().hex() for digest in data.digests[rows]],
    )
    suspects = [Suspect(*row) for row in zip(*columns, strict=True)]
    return suspects, make_sprite_sheet(data.images[rows[:SUSPECTS_SHOWN]])


def rank(split: Split, losses: ImageLosses) -> Ranking:
    """Rank the training and the validation images together."""
    training, validation = (tensor.double().numpy() for tensor in losses)
    if len(validation):
        rows = np.concatenate(split)
        values = np.concatenate([training, match_distribution(validation, training)])
    else:
        rows, values = np.arange(len(training)), training  # a refit
    parts = np.repeat(["train", "validation"], [len(training), len(validation)])
    order = np.argsort(-values, kind="stable")
    return Ranking(rows[order], parts[order], values[order])


def match_distribution(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Replace each of the values (V,) by the reference value (N,) of the same rank.

    Held-out losses are thus comparable with those of images that the network has trained on, which are lower.
    """
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    matched: np.ndarray = np.quantile(reference, (ranks + 0.5) / len(values))
    return matched


@torch.inference_mode()
def _predict(networks: Sequence[ConvNet], images: np.ndarray) -> np.ndarray:
    """Return the predicted classes int64 (N,) of uint8 images (N, C, H, W) or features (N, F)."""
    device = next(networks[0].parameters()).device
    predicted = [np.zeros(0, np.int64)]
    for batch in torch.from_numpy(images).split(BATCH):
        floats = to_input(batch, device)
        mean = torch.stack([network.eval()(floats).exp() for network in networks]).mean(0)
        predicted.append(mean.argmax(1).cpu().numpy())
    return np.concatenate(predicted)
