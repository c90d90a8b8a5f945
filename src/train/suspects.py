"""Find the images whose label may be wrong, by the losses that training measures anyway.

The network learns a wrong label late or never, so that it doubts the label in the first epochs. How much depends on the
data: with a sixth of the nines labelled as fours, the network gives such a label a probability of a third.
Similar to the method of Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking, 2020, which
averages the margin of the logits.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from src.common.artifacts import Suspect
from src.common.dataset import Dataset, Split
from src.network.convnet import ConvNet, to_input
from src.train.training import Doubts

DOUBTED = 0.5  # up to this score, a label is not suspicious
# The limits above which a label is suspicious, as fractions of the way from DOUBTED to the median score of the labels
# that the trained network rejects: REJECTED for a label that it rejects, LEARNED for any other. Chosen with
# benchmarks/labels.py on separate seeds.
REJECTED, LEARNED = 1 / 2, 3 / 4
PRIOR_SCORES = [1.0] * 3  # count as scores of rejected labels, so that one or two of these do not decide the limits
MAX_LEARNED = 0.15  # of all images; if more are suspicious but were learned, the network learned too little at first
BATCH = 250  # images


class Ranking(NamedTuple):
    """Rows of train.npz int64 (N,), the most suspicious first, with their part and score."""

    rows: np.ndarray
    parts: np.ndarray
    scores: np.ndarray


def find_suspects(
    data: Dataset, inputs: np.ndarray, split: Split, doubts: Doubts, networks: Sequence[ConvNet]
) -> list[Suspect]:
    """Return the suspects, the most suspicious first.

    inputs: what the networks take, the images or their features (N, F). doubts: those about the training and validation
    images; after a refit, about all images, as training images.
    """
    ranking = rank(split, doubts)
    rows, parts, scores = (column[ranking.scores > DOUBTED] for column in ranking)
    rejected, likeliest = _predict(networks, inputs[rows], data.labels[rows])
    typical = np.median([*scores[rejected], *PRIOR_SCORES])
    rejected_limit, learned_limit = (DOUBTED + (typical - DOUBTED) * fraction for fraction in (REJECTED, LEARNED))
    suspicious = scores > np.where(rejected, rejected_limit, learned_limit)
    if (suspicious & ~rejected).sum() > MAX_LEARNED * len(ranking.rows):
        suspicious &= rejected
    rows, parts, scores, likeliest = (column[suspicious] for column in (rows, parts, scores, likeliest))
    columns = (
        parts.tolist(),
        rows.tolist(),
        [data.classes[label] for label in data.labels[rows]],
        [data.classes[label] for label in likeliest],
        scores.tolist(),
        [digest.tobytes().hex() for digest in data.digests[rows]],
    )
    return [Suspect(*row) for row in zip(*columns, strict=True)]


def rank(split: Split, doubts: Doubts) -> Ranking:
    """Rank the training and the validation images together."""
    training, validation = (tensor.double().numpy() for tensor in doubts)
    if len(validation):
        rows = np.concatenate(split)
        scores = np.concatenate([training, match_distribution(validation, training)])
    else:
        rows, scores = np.arange(len(training)), training  # a refit
    parts = np.repeat(["train", "validation"], [len(training), len(validation)])
    order = np.argsort(-scores, kind="stable")
    return Ranking(rows[order], parts[order], scores[order])


def match_distribution(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Replace each of the values (V,) by the value of reference (N,) at the same quantile.

    Held-out images, which are doubted more, are thus comparable with those that the network has trained on.
    """
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    places = (ranks + 0.5) / len(values) * (len(reference) - 1)
    # The same as np.quantile, which takes more than a second for MNIST.
    matched: np.ndarray = np.interp(places, np.arange(len(reference)), np.sort(reference))
    return matched


@torch.inference_mode()
def _predict(networks: Sequence[ConvNet], inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether the networks reject the labels (N,), bool (N,), and the most probable other classes int64 (N,).

    inputs: uint8 images (N, C, H, W) or features (N, F).
    """
    device = next(networks[0].parameters()).device
    rejected, likeliest = [np.zeros(0, bool)], [np.zeros(0, np.int64)]
    for batch, given in zip(torch.from_numpy(inputs).split(BATCH), torch.from_numpy(labels).split(BATCH), strict=True):
        floats = to_input(batch, device)
        mean = torch.stack([network.eval()(floats).exp() for network in networks]).mean(0).cpu()
        others = mean.scatter(1, given[:, None], -1.0)
        rejected.append((mean.argmax(1) != given).numpy())
        likeliest.append(others.argmax(1).numpy())
    return np.concatenate(rejected), np.concatenate(likeliest)
