import numpy as np
import pytest
import torch

from src.common.artifacts import SUSPECTS_SHOWN, SUSPICIOUS_LOSS
from src.common.dataset import Split
from src.common.sprites import split_sprite_sheet
from src.train.suspects import HOPELESS_LOSS, find_suspects, match_distribution
from src.train.training import ImageLosses
from tests.builders import make_dataset, make_tiny_network

IMAGES = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
DATA = make_dataset(IMAGES, np.array([0, 1] * 5), ["cat", "dog"])
NONE = torch.zeros(0)


def losses(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_training_and_validation_images_are_ranked_together() -> None:
    split = Split(np.array([1, 3, 5, 6, 8, 9]), np.array([0, 2, 4, 7]))
    # Held-out losses are higher, but the ranks count: only the highest one is suspicious.
    found = ImageLosses(losses(0.1, 5.0, 0.2, 0.3, 2.5, 0.1), losses(0.9, 1.5, 9.0, 1.2))
    suspects, _ = find_suspects(DATA, DATA.images, split, found, [make_tiny_network()])
    assert [(row.part, row.index, row.label) for row in suspects] == [
        ("train", 3, "dog"),
        ("validation", 4, "cat"),
        ("train", 8, "cat"),
    ]
    assert suspects[0].score == pytest.approx(1 - np.exp(-5))
    assert suspects[0].digest == DATA.digests[3].tobytes().hex()


def test_after_a_refit_all_images_are_training_images() -> None:
    split = Split(np.array([1, 3, 5, 6, 8, 9]), np.array([0, 2, 4, 7]))
    found = ImageLosses(losses(*[0.1] * 4, 3.0, *[0.1] * 5), NONE)
    (suspect,), _ = find_suspects(DATA, DATA.images, split, found, [make_tiny_network()])
    assert (suspect.part, suspect.index) == ("train", 4)


def test_predictions_are_those_of_the_ensemble() -> None:
    networks = [make_tiny_network(seed=seed) for seed in range(3)]
    found = ImageLosses(torch.full((10,), 3.0), NONE)
    suspects, _ = find_suspects(DATA, DATA.images, Split(np.arange(10), np.arange(0)), found, networks)
    images = torch.from_numpy(IMAGES) / 255
    with torch.inference_mode():
        expected = torch.stack([network.eval()(images).exp() for network in networks]).mean(0).argmax(1)
    assert [row.predicted for row in suspects] == [DATA.classes[label] for label in expected]


def test_an_image_that_was_learned_at_last_needs_a_higher_loss() -> None:
    network = make_tiny_network()
    split = Split(np.arange(10), np.arange(0))
    between = ImageLosses(torch.full((10,), (SUSPICIOUS_LOSS + HOPELESS_LOSS) / 2), NONE)
    suspects, _ = find_suspects(DATA, DATA.images, split, between, [network])
    assert 0 < len(suspects) < 10
    assert all(row.predicted != row.label for row in suspects)
    assert (
        len(
            find_suspects(
                DATA, DATA.images, split, ImageLosses(torch.full((10,), HOPELESS_LOSS + 0.01), NONE), [network]
            )[0]
        )
        == 10
    )


def test_the_sheet_has_the_first_images() -> None:
    count = SUSPECTS_SHOWN + 3
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    data = make_dataset(images, np.zeros(count, np.int64), ["cat", "dog"])
    values = torch.linspace(HOPELESS_LOSS + 1, HOPELESS_LOSS + 2, count)
    suspects, sheet = find_suspects(
        data, data.images, Split(np.arange(count), np.arange(0)), ImageLosses(values, NONE), [make_tiny_network()]
    )
    assert len(suspects) == count
    assert np.array_equal(split_sprite_sheet(sheet, SUSPECTS_SHOWN), images[::-1][:SUSPECTS_SHOWN])


def test_nothing_suspicious() -> None:
    suspects, sheet = find_suspects(
        DATA, DATA.images, Split(np.arange(10), np.arange(0)), ImageLosses(torch.zeros(10), NONE), [make_tiny_network()]
    )
    assert suspects == []
    assert split_sprite_sheet(sheet, 0).shape == (0, 1, 8, 8)


def test_distributions_are_matched_by_rank() -> None:
    assert match_distribution(np.array([7.0, 5.0, 6.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(
        np.quantile(range(6), [5 / 6, 1 / 6, 1 / 2])
    )
