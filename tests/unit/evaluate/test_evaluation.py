import math

import numpy as np

from src.common.artifacts import Error, Prediction
from src.common.dataset import Dataset
from src.common.sprites import split_sprite_sheet
from src.evaluate.evaluation import evaluate, list_errors, list_predictions
from tests.builders import make_dataset, make_evaluate_params, make_predictions, make_tiny_network

LABELS = np.arange(30) % 3


def make_data() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), np.uint8)
    return make_dataset(images, LABELS, ["0", "1", "2"])


def test_rows_images_and_metrics_agree() -> None:
    data = make_data()
    evaluation = evaluate([make_tiny_network(classes=3)], data, make_evaluate_params())
    wrong = [row.index for row in evaluation.predictions if row.actual != row.predicted]
    assert [row.index for row in evaluation.errors] == wrong
    assert evaluation.metrics.errors == len(wrong) > 0
    assert np.array_equal(split_sprite_sheet(evaluation.error_images, len(wrong)), data.images[wrong])
    assert evaluation.metrics.members is None
    assert evaluation.summary().startswith(
        f"evaluate: test accuracy {1 - len(wrong) / 30:.2%} ({30 - len(wrong)} of 30"
    )


def test_an_ensemble_reports_the_accuracies_of_its_members() -> None:
    networks = [make_tiny_network(classes=3, seed=seed) for seed in range(2)]
    alone = [evaluate([network], make_data(), make_evaluate_params()).metrics.accuracy for network in networks]
    evaluation = evaluate(networks, make_data(), make_evaluate_params())
    assert evaluation.metrics.members
    assert list(evaluation.metrics.members.accuracy.values()) == alone
    assert "ensemble of 2; single networks average" in evaluation.summary()


def test_every_image_has_a_prediction_and_every_misclassified_one_an_error() -> None:
    predictions = make_predictions([[0.75, 0.25, 0.0], [0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    data = make_dataset(np.zeros((3, 1, 1, 1), np.uint8), np.array([0, 1, 0]), ["a", "b", "c"])
    rows = list_predictions(predictions, data)
    assert rows[0] == Prediction(0, "a", "a", 0.75, -math.log(0.75))
    assert [(row.actual, row.predicted, row.confidence) for row in rows[1:]] == [("b", "a", 0.5), ("a", "c", 1.0)]
    first, second = list_errors(predictions, data, rows)
    assert first == Error(1, "b", "a", 0.5, -math.log(0.25), "a: 50.0% · b: 25.0% · c: 25.0%")
    assert (second.index, second.actual, second.predicted, second.confidence) == (2, "a", "c", 1.0)
    assert 30 < second.loss < math.inf  # although the probability is zero
