import numpy as np
import pytest
import torch

from src.common.dataset import Split
from src.train.suspects import find_suspects, match_distribution
from src.train.training import Doubts
from tests.builders import make_dataset, make_tiny_network

IMAGES = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
NETWORK = make_tiny_network().eval()
with torch.inference_mode():
    PREDICTED = NETWORK(torch.from_numpy(IMAGES) / 255).argmax(1).numpy()
DATA = make_dataset(IMAGES, 1 - PREDICTED, ["cat", "dog"])  # all labels are rejected
NONE = torch.zeros(0)


def doubts(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_training_and_validation_images_are_ranked_together() -> None:
    split = Split(np.array([1, 3, 5, 6, 8, 9]), np.array([0, 2, 4, 7]))
    # Held-out images are doubted more, but the ranks count: only the highest of these is suspicious.
    found = Doubts(doubts(0.1, 0.95, 0.2, 0.55, 0.9, 0.1), doubts(0.7, 0.6, 0.99, 0.65))
    suspects = find_suspects(DATA, DATA.images, split, found, [NETWORK])
    assert [(row.part, row.index) for row in suspects] == [("train", 3), ("validation", 4), ("train", 8)]
    assert suspects[0].label == DATA.classes[DATA.labels[3]]
    assert suspects[0].score == pytest.approx(0.95)
    assert suspects[0].digest == DATA.digests[3].tobytes().hex()


def test_the_scores_of_rejected_labels_decide_how_many_are_suspicious(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(np.arange(10), np.arange(0))
    labels = np.where(np.arange(10) < 5, 1 - PREDICTED, PREDICTED)  # five are rejected, five learned
    data = make_dataset(IMAGES, labels, ["cat", "dog"])
    scores = torch.tensor([0.71, 0.9, 0.69, 0.1, 0.1, 0.66, 0.65, 0.5, 0.1, 0.1])
    monkeypatch.setattr("src.train.suspects.PRIOR_SCORES", [])
    suspects = find_suspects(data, data.images, split, Doubts(scores, NONE), [NETWORK])
    assert [row.index for row in suspects] == [1, 0, 2, 5]  # median 0.71: limits 0.605 and 0.6575
    scores[6] = 0.99  # a fifth of all are doubted and learned: the network knew too little
    suspects = find_suspects(data, data.images, split, Doubts(scores, NONE), [NETWORK])
    assert [row.index for row in suspects] == [1, 0, 2]


def test_a_single_rejected_label_does_not_decide() -> None:
    split = Split(np.arange(10), np.arange(0))
    data = make_dataset(IMAGES, np.where(np.arange(10) == 0, 1 - PREDICTED, PREDICTED), ["cat", "dog"])
    scores = torch.tensor([0.55, 0.7, *[0.1] * 8])  # the limits are 0.75 and 0.875
    assert find_suspects(data, data.images, split, Doubts(scores, NONE), [NETWORK]) == []


def test_after_a_refit_all_images_are_training_images() -> None:
    split = Split(np.array([1, 3, 5, 6, 8, 9]), np.array([0, 2, 4, 7]))
    found = Doubts(doubts(*[0.1] * 4, 0.9, *[0.1] * 5), NONE)
    (suspect,) = find_suspects(DATA, DATA.images, split, found, [NETWORK])
    assert (suspect.part, suspect.index) == ("train", 4)


def test_the_most_probable_other_class_is_that_of_the_ensemble() -> None:
    networks = [make_tiny_network(classes=3, seed=seed) for seed in range(3)]
    data = make_dataset(IMAGES, np.array([0, 1, 2, 0, 1] * 2), ["cat", "dog", "owl"])
    found = Doubts(torch.tensor([0.6] + [0.9] * 9), NONE)
    suspects = find_suspects(data, data.images, Split(np.arange(10), np.arange(0)), found, networks)
    with torch.inference_mode():
        images = torch.from_numpy(IMAGES) / 255
        probabilities = torch.stack([network.eval()(images).exp() for network in networks]).mean(0).numpy()
    probabilities[np.arange(10), data.labels] = 0
    assert len(suspects) > 1
    assert all(row.predicted == data.classes[probabilities[row.index].argmax()] for row in suspects)


def test_nothing_suspicious() -> None:
    split = Split(np.arange(10), np.arange(0))
    assert find_suspects(DATA, DATA.images, split, Doubts(torch.zeros(10), NONE), [NETWORK]) == []


def test_distributions_are_matched_by_rank() -> None:
    assert match_distribution(np.array([7.0, 5.0, 6.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(
        np.quantile(range(6), [5 / 6, 1 / 6, 1 / 2])
    )
