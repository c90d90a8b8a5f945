import numpy as np
import pytest
import torch

from src.common.artifacts import SUSPECTS_SHOWN
from src.common.dataset import Split
from src.common.sprites import split_sprite_sheet
from src.train.suspects import find_suspects, match_distribution
from src.train.training import Doubts
from tests.builders import make_dataset, make_tiny_network

IMAGES = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
DATA = make_dataset(IMAGES, np.array([0, 1] * 5), ["cat", "dog"])
NONE = torch.zeros(0)


def doubts(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_training_and_validation_images_are_ranked_together() -> None:
    split = Split(np.array([1, 3, 5, 6, 8, 9]), np.array([0, 2, 4, 7]))
    # Held-out images are doubted more, but the ranks count: only the highest of these is suspicious.
    found = Doubts(doubts(0.1, 0.95, 0.2, 0.55, 0.9, 0.1), doubts(0.7, 0.6, 0.99, 0.65))
    suspects, _ = find_suspects(DATA, DATA.images, split, found, [make_tiny_network()])
    assert [(row.part, row.index, row.label) for row in suspects] == [
        ("train", 3, "dog"),
        ("validation", 4, "cat"),
        ("train", 8, "cat"),
    ]
    assert suspects[0].score == pytest.approx(0.95)
    assert suspects[0].digest == DATA.digests[3].tobytes().hex()


def test_the_scores_of_rejected_labels_decide_how_many_are_suspicious() -> None:
    network, split = make_tiny_network(), Split(np.arange(10), np.arange(0))
    everything, _ = find_suspects(DATA, DATA.images, split, Doubts(torch.full((10,), 0.9), NONE), [network])
    rejected = [row.index for row in everything if row.predicted != row.label]
    learned = [row.index for row in everything if row.predicted == row.label]
    scores = torch.zeros(10)
    scores[rejected[:3]] = torch.tensor([0.71, 0.9, 0.69])  # median 0.71: limits 0.605 and 0.6575
    scores[learned[:3]] = torch.tensor([0.66, 0.65, 0.5])
    suspects, _ = find_suspects(DATA, DATA.images, split, Doubts(scores, NONE), [network])
    assert [row.index for row in suspects] == [rejected[1], rejected[0], rejected[2], learned[0]]
    scores[rejected] = 0
    scores[learned[:2]] = torch.tensor([0.88, 0.87])  # nothing is rejected: the limit is 0.875
    suspects, _ = find_suspects(DATA, DATA.images, split, Doubts(scores, NONE), [network])
    assert [row.index for row in suspects] == [learned[0]]


def test_after_a_refit_all_images_are_training_images() -> None:
    split = Split(np.array([1, 3, 5, 6, 8, 9]), np.array([0, 2, 4, 7]))
    found = Doubts(doubts(*[0.1] * 4, 0.9, *[0.1] * 5), NONE)
    (suspect,), _ = find_suspects(DATA, DATA.images, split, found, [make_tiny_network()])
    assert (suspect.part, suspect.index) == ("train", 4)


def test_predictions_are_those_of_the_ensemble() -> None:
    networks = [make_tiny_network(seed=seed) for seed in range(3)]
    found = Doubts(torch.tensor([0.6] + [0.9] * 9), NONE)
    suspects, _ = find_suspects(DATA, DATA.images, Split(np.arange(10), np.arange(0)), found, networks)
    images = torch.from_numpy(IMAGES[1:]) / 255
    with torch.inference_mode():
        expected = torch.stack([network.eval()(images).exp() for network in networks]).mean(0).argmax(1)
    assert [row.predicted for row in suspects] == [DATA.classes[label] for label in expected]


def test_the_sheet_has_the_first_images() -> None:
    count = SUSPECTS_SHOWN + 3
    images = np.arange(count + 1, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    data = make_dataset(images, np.zeros(count + 1, np.int64), ["cat", "dog"])
    values = torch.tensor([0.51, *torch.linspace(0.95, 0.99, count)])
    split = Split(np.arange(count + 1), np.arange(0))
    suspects, sheet = find_suspects(data, data.images, split, Doubts(values, NONE), [make_tiny_network()])
    assert len(suspects) == count
    assert np.array_equal(split_sprite_sheet(sheet, SUSPECTS_SHOWN), images[::-1][:SUSPECTS_SHOWN])


def test_nothing_suspicious() -> None:
    split = Split(np.arange(10), np.arange(0))
    suspects, sheet = find_suspects(DATA, DATA.images, split, Doubts(torch.zeros(10), NONE), [make_tiny_network()])
    assert suspects == []
    assert split_sprite_sheet(sheet, 0).shape == (0, 1, 8, 8)


def test_distributions_are_matched_by_rank() -> None:
    assert match_distribution(np.array([7.0, 5.0, 6.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(
        np.quantile(range(6), [5 / 6, 1 / 6, 1 / 2])
    )
