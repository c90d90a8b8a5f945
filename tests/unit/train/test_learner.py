from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_sample_weight

from src.train.data import LabelledImages
from src.train.epoch import validate
from src.train.learner import Learner
from tests.builders import make_imbalanced, make_tiny_network, make_train_params


def make_learner(data: LabelledImages, class_weights: str) -> Learner:
    params = make_train_params(class_weights=class_weights).train
    return Learner(make_tiny_network(dropout=0), data, params, torch.float32)


def weighted_loss(learner: Learner, data: LabelledImages) -> float:
    """The mean loss, weighted with scikit-learn's weights; the network is used in its present mode."""
    with torch.inference_mode():
        losses = F.nll_loss(learner.predict(data.images / 255), data.labels, reduction="none")
    return float(np.average(losses.numpy(), weights=compute_sample_weight("balanced", data.labels.numpy())))


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    data = make_imbalanced(30, 2)
    weights = make_learner(data, "balanced").class_weights
    assert weights is not None
    assert weights.tolist() == pytest.approx([32 / (2 * 30), 32 / (2 * 2)])
    assert weights[data.labels].numpy() == pytest.approx(compute_sample_weight("balanced", data.labels.numpy()))
    assert make_learner(data, "none").class_weights is None


def test_training_and_validation_use_the_weights() -> None:
    data = make_imbalanced(30, 2)
    learner = make_learner(data, "balanced")
    learner.network.train()
    expected = weighted_loss(learner, data)
    losses = learner.step(data.images / 255, data.labels, Fraction(0))
    assert losses.mean().item() == pytest.approx(expected, rel=1e-5)
    learner.network.eval()
    assert validate(learner, data)[0] == pytest.approx(weighted_loss(learner, data), rel=1e-5)


def test_a_batch_without_rare_classes_has_no_larger_weight() -> None:
    data = make_imbalanced(30, 2)
    losses = [
        make_learner(data, name).step(data.images[:16] / 255, data.labels[:16], Fraction(0)).mean().item()
        for name in ("none", "balanced")
    ]
    assert losses[1] == pytest.approx(losses[0] * 32 / 60, rel=1e-5)
