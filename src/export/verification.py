"""Check an exported model against PyTorch, on real test images."""

from collections.abc import Sequence

import numpy as np
import torch

from src.common.errors import UserError, recreate
from src.evaluate.params import EvaluateParams
from src.evaluate.prediction import average_networks, predict_probabilities
from src.network.convnet import ConvNet
from src.predict.classifier import Classifier

TOLERANCE = 1e-5  # largest difference allowed in a probability
SAMPLE = 500  # images whose probabilities are compared


def verify(
    classifier: Classifier,
    networks: Sequence[ConvNet],
    images: np.ndarray,
    predicted: Sequence[str],
    params: EvaluateParams,
) -> float:
    """Compare an exported model with the networks that it was made from; return the largest difference found.

    images: uint8 (N, C, H, W), all test images; predicted: the N class names predicted by the evaluate stage. The
    probabilities of the first 500 images are computed with PyTorch as well. Raise UserError if one differs by more
    than TOLERANCE, or another class is predicted for any image.
    """
    probabilities = classifier.predict(images)
    sample = images[:SAMPLE]
    expected = average_networks(predict_probabilities(networks, sample, params, torch.device("cpu"))).probabilities
    difference = float(np.abs(probabilities[:SAMPLE] - expected).max())
    if not difference <= TOLERANCE:
        raise UserError(f"a probability differs from PyTorch's by {difference:.1e}, more than {TOLERANCE:.0e}")
    classes = classifier.description.classes
    if len(predicted) != len(images) or not set(predicted) <= set(classes):
        raise UserError(f"predictions.csv does not fit the test images; {recreate('evaluate')}")
    rows = [classes.index(name) for name in predicted]
    behind = probabilities.max(1) - probabilities[np.arange(len(rows)), rows]
    if count := int((behind > TOLERANCE).sum()):  # classes as probable as each other may change places
        raise UserError(f"{count:,} of {len(rows):,} test images are predicted differently than by PyTorch")
    return difference
