import numpy as np
import pytest
import torch

from src.common.errors import UserError
from src.evaluate.prediction import average_probabilities, check_compatible, predict_probabilities, shifted_views
from tests.builders import make_dataset, make_evaluate_params, make_tiny_network

CPU = torch.device("cpu")


def test_predictions_do_not_depend_on_the_batch_size() -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 1, 8, 8), np.uint8)
    networks = [make_tiny_network(classes=3, seed=seed) for seed in range(2)]
    whole, parts = (
        predict_probabilities(networks, images, make_evaluate_params(batch_size=size), CPU) for size in (10, 3)
    )
    assert whole.shape == (2, 10, 3)
    assert np.allclose(whole, parts)
    assert whole.sum(2) == pytest.approx(np.ones((2, 10)), abs=1e-12)
    assert np.allclose(whole[1], predict_probabilities(networks[1:], images, make_evaluate_params(), CPU)[0])
    assert not np.allclose(whole[0], whole[1])


def test_test_time_augmentation_averages_over_shifted_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8)
    networks = [make_tiny_network(classes=3)]
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifted = [
        predict_probabilities(networks, padded[:, :, y : y + 8, x : x + 8], make_evaluate_params(), CPU)
        for y in range(3)
        for x in range(3)
    ]
    averaged = predict_probabilities(networks, images, make_evaluate_params(shift=1), CPU)
    assert np.allclose(averaged, np.mean(shifted, axis=0), atol=1e-7)


def test_an_ensemble_averages_the_probabilities_of_its_networks() -> None:
    members = np.array([[[0.6, 0.4, 0.0], [0.5, 0.5, 0.0]], [[0.1, 0.5, 0.4], [0.0, 0.3, 0.7]]])
    predictions = average_probabilities(members)
    assert predictions.probabilities == pytest.approx(np.array([[0.35, 0.45, 0.2], [0.25, 0.4, 0.35]]))
    assert predictions.predicted.tolist() == [1, 1]
    assert predictions.confidence == pytest.approx([0.45, 0.4])


def test_a_network_trained_on_other_data_is_rejected() -> None:
    network = make_tiny_network(classes=3)
    data = make_dataset(np.zeros((1, 1, 8, 8), np.uint8), np.zeros(1, np.int64), ["0", "1", "2"])
    check_compatible(network, data)
    with pytest.raises(UserError, match="expects images of shape 1x8x8, but the data has 3x8x9"):
        check_compatible(network, data._replace(images=np.zeros((1, 3, 8, 9), np.uint8)))
    with pytest.raises(UserError, match="knows the classes 0, 1, 2, but the data has 0, 1, d"):
        check_compatible(network, data._replace(classes=["0", "1", "d"]))


def test_no_shift_gives_the_image_alone() -> None:
    images = torch.rand(2, 1, 3, 4)
    (view,) = shifted_views(images, 0)
    assert torch.equal(view, images)


def test_a_shift_by_one_pixel_gives_nine_views_filled_with_zeros() -> None:
    images = torch.arange(1.0, 7.0).view(1, 1, 2, 3)
    views = [view[0, 0].tolist() for view in shifted_views(images, 1)]
    assert len(views) == 9
    assert [[1, 2, 3], [4, 5, 6]] in views
    assert [[0, 0, 0], [0, 1, 2]] in views  # down and to the right
    assert [[5, 6, 0], [0, 0, 0]] in views  # up and to the left
