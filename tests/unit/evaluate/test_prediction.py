import json

import numpy as np
import pytest
import torch
from src.model import Architecture, ConvNet, ModelParams

from src.evaluate import (
    EvaluateParams,
    Predictions,
    calibration_error,
    check_fit,
    describe_likeliest,
    measure,
    measure_members,
    predict,
    vote,
)

CPU = torch.device("cpu")
CLASSES = np.array(["a", "b", "c"])


def network(seed: int = 0) -> ConvNet:
    torch.manual_seed(seed)
    model = ModelParams(crop=0, conv_channels=[[4]], hidden_units=[], dropout=0.25, negative_slope=0.1)
    return ConvNet(Architecture(model=model, image_shape=(1, 8, 8), classes=CLASSES.tolist()))


def predictions(probabilities: list[list[float]]) -> Predictions:
    array = np.array(probabilities)
    return Predictions(array.argmax(1), array)


def params(**changes: int) -> EvaluateParams:
    return EvaluateParams(**({"batch_size": 10, "device": "cpu", "shift": 0, "calibration_bins": 10} | changes))  # type: ignore[arg-type]


def test_predictions_do_not_depend_on_the_batch_size() -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 1, 8, 8), np.uint8)
    networks = [network(seed) for seed in range(2)]
    whole, parts = (predict(networks, images, params(batch_size=size), CPU) for size in (10, 3))
    assert whole.shape == (2, 10, 3)
    assert np.allclose(whole, parts)
    assert whole.sum(2) == pytest.approx(np.ones((2, 10)), abs=1e-12)
    assert np.allclose(whole[1], predict(networks[1:], images, params(), CPU)[0])
    assert not np.allclose(whole[0], whole[1])


def test_shifted_predictions_are_the_mean_over_moved_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moved = [
        predict([network()], padded[:, :, y : y + 8, x : x + 8], params(), CPU) for y in range(3) for x in range(3)
    ]
    assert np.allclose(predict([network()], images, params(shift=1), CPU), np.mean(moved, axis=0), atol=1e-7)


def test_the_vote_is_the_mean_of_the_probabilities() -> None:
    members = np.array([[[0.6, 0.4, 0.0], [0.5, 0.5, 0.0]], [[0.1, 0.5, 0.4], [0.0, 0.3, 0.7]]])
    voted = vote(members)
    assert voted.probabilities == pytest.approx(np.array([[0.35, 0.45, 0.2], [0.25, 0.4, 0.35]]))
    assert voted.predicted.tolist() == [1, 1]
    assert voted.confidence == pytest.approx([0.45, 0.4])


def test_members_are_measured_one_by_one() -> None:
    members = np.eye(3)[[[0, 1, 2, 0], [0, 1, 1, 1]]]  # classes predicted by two members, of four images
    assert measure_members(members, np.array([0, 1, 2, 2])) == {
        "mean_accuracy": pytest.approx(0.625),
        "deviation": pytest.approx(0.25 / np.sqrt(2)),
        "accuracy": {"0": 0.75, "1": 0.5},
    }


def test_metrics_worked_out_by_hand() -> None:
    made = predictions([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    metrics = measure(made, np.array([0, 1, 1, 2]), CLASSES, bins=10)
    assert metrics["loss"] == pytest.approx(-np.log([0.7, 0.8, 0.3, 0.6]).mean())
    assert (metrics["accuracy"], metrics["errors"], metrics["images"]) == (0.75, 1, 4)
    assert metrics["recall"] == {"a": 1.0, "b": 0.5, "c": 1.0}
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    json.dumps(metrics, allow_nan=False)


def test_a_class_without_images_gives_numbers_all_the_same() -> None:
    metrics = measure(predictions([[0.7, 0.2, 0.1]]), np.array([0]), CLASSES, bins=10)
    assert metrics["recall"] == {"a": 1.0, "b": 0.0, "c": 0.0}


def test_likeliest_classes_in_words() -> None:
    words = describe_likeliest(np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]]), CLASSES, count=2)
    assert words == ["b: 70.0% · c: 20.0%", "a: 50.0% · b: 50.0%"]


def test_calibration_error_worked_out_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55, 1.0, 0.0])
    right = np.array([True, False, True, True, True, False])
    # bins of a tenth: (0.9, 1]: three images, 2 right of 2.9; (0.5, 0.6]: two, 2 right of 1.1; [0, 0.1]: one, 0 of 0
    assert calibration_error(confidence, right, bins=10) == pytest.approx((0.9 + 0.9) / 6)
    assert calibration_error(confidence, right, bins=1) == pytest.approx(abs(4 - 4.0) / 6)


def test_a_model_for_other_data_is_refused() -> None:
    images = np.zeros((1, 1, 8, 8), np.uint8)
    check_fit(network(), images, CLASSES)
    with pytest.raises(ValueError, match="takes images of 1x8x8, the data has 3x8x9"):
        check_fit(network(), np.zeros((1, 3, 8, 9), np.uint8), CLASSES)
    with pytest.raises(ValueError, match="tells a, b, c apart, the data has a, b, d"):
        check_fit(network(), images, np.array(["a", "b", "d"]))
