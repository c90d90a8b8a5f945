import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from src.evaluate.metrics import calibration_error, measure, measure_members
from src.evaluate.prediction import Predictions
from tests.builders import make_predictions

CLASSES = ["a", "b", "c"]


def test_metrics_of_four_images_computed_by_hand() -> None:
    predictions = make_predictions([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    metrics = measure(predictions, np.array([0, 1, 1, 2]), CLASSES, bins=10)
    assert metrics.loss == pytest.approx(-np.log([0.7, 0.8, 0.3, 0.6]).mean())
    assert (metrics.accuracy, metrics.errors, metrics.images) == (0.75, 1, 4)
    assert metrics.recall == {"a": 1.0, "b": 0.5, "c": 1.0}
    assert metrics.balanced_accuracy == pytest.approx(2.5 / 3)
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_metrics_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)  # of six classes, the last two have no images
    probabilities = rng.dirichlet(np.full(6, 0.3), 200)
    probabilities[:, 1] *= 1e-3  # a class that is never predicted
    probabilities /= probabilities.sum(1, keepdims=True)
    predictions, indices = Predictions(probabilities.argmax(1), probabilities), np.arange(6)
    assert 1 not in predictions.predicted
    metrics = measure(predictions, labels, list("abcdef"), bins=10)
    assert metrics.loss == pytest.approx(log_loss(labels, probabilities, labels=indices))
    assert metrics.accuracy == pytest.approx(accuracy_score(labels, predictions.predicted))
    every = {"labels": indices, "zero_division": 0}
    assert metrics.macro_f1 == pytest.approx(f1_score(labels, predictions.predicted, average=None, **every)[:4].mean())
    recall = recall_score(labels, predictions.predicted, average=None, **every)
    assert list(metrics.recall.values()) == pytest.approx(recall)
    assert metrics.balanced_accuracy == pytest.approx(recall[:4].mean())


def test_a_class_without_images_has_a_recall_of_zero_and_no_balanced_accuracy() -> None:
    metrics = measure(make_predictions([[0.7, 0.2, 0.1]]), np.array([0]), CLASSES, bins=10)
    assert metrics.recall == {"a": 1.0, "b": 0.0, "c": 0.0}
    assert metrics.balanced_accuracy == metrics.macro_f1 == 1


def test_the_members_of_an_ensemble_are_measured_separately() -> None:
    members = np.eye(3)[[[0, 1, 2, 0], [0, 1, 1, 1]]]  # the classes that two members predict for four images
    measured = measure_members(members, np.array([0, 1, 2, 2]))
    assert measured.mean_accuracy == pytest.approx(0.625)
    assert measured.deviation == pytest.approx(0.25 / np.sqrt(2))
    assert measured.accuracy == {"0": 0.75, "1": 0.5}


def test_calibration_error_computed_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55, 1.0, 0.0])
    correct = np.array([True, False, True, True, True, False])
    # Ten bins: (0.9, 1]: 2 of 3 correct, 2.9 expected; (0.5, 0.6]: 2 of 2, 1.1 expected; [0, 0.1]: 0 of 1, 0 expected.
    assert calibration_error(confidence, correct, bins=10) == pytest.approx((0.9 + 0.9) / 6)
    assert calibration_error(confidence, correct, bins=1) == pytest.approx(abs(4 - 4.0) / 6)
