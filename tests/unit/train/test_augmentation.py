import pytest
import torch
from src.augment import AugmentParams, augment
from torch import Tensor

OFF = {"rotation": 0.0, "translation": 0.0, "scaling": 0.0, "shear": 0.0, "clean_epochs": 0}
HEIGHT, WIDTH = 41, 61  # not square: pixels must stay square all the same


def blobs(x: float, y: float, count: int = 200) -> Tensor:
    """Images of a round spot, x and y pixels from the middle."""
    down, across = torch.meshgrid(
        torch.arange(HEIGHT) - (HEIGHT - 1) / 2, torch.arange(WIDTH) - (WIDTH - 1) / 2, indexing="ij"
    )
    spot = torch.exp(-((across - x) ** 2 + (down - y) ** 2) / 8)
    return spot.repeat(count, 1, 1, 1)


def moved(images: Tensor, **params: float) -> tuple[Tensor, Tensor]:
    """Where the spots are afterwards, x and y (N,)."""
    torch.manual_seed(0)
    weights = augment(images, AugmentParams.model_validate(OFF | params))[:, 0]
    weights = weights / weights.sum((1, 2), keepdim=True)
    x = (weights.sum(1) * (torch.arange(WIDTH) - (WIDTH - 1) / 2)).sum(1)
    y = (weights.sum(2) * (torch.arange(HEIGHT) - (HEIGHT - 1) / 2)).sum(1)
    return x, y


def test_off_changes_nothing() -> None:
    images = blobs(0, 0, 2)
    assert augment(images, AugmentParams.model_validate(OFF)) is images


def test_rotation_keeps_the_distance_and_reaches_the_angle() -> None:
    x, y = moved(blobs(12, 0), rotation=30.0)
    angles = torch.rad2deg(torch.atan2(y, x))
    assert torch.hypot(x, y).allclose(torch.tensor(12.0), atol=0.1)
    assert 27 < angles.max() <= 30.1
    assert -30.1 <= angles.min() < -27


def test_translation_is_in_pixels_along_each_axis() -> None:
    for values in moved(blobs(0, 0), translation=3.0):
        assert 2.8 < values.max() <= 3.01
        assert -3.01 <= values.min() < -2.8


def test_scaling_is_a_share_along_each_axis() -> None:
    x, y = moved(blobs(10, 8), scaling=0.2)
    for values, before in ((x, 10), (y, 8)):
        assert before / 1.21 < values.min() < before / 1.15
        assert before / 0.85 < values.max() < before / 0.79
    assert torch.corrcoef(torch.stack([x, y]))[0, 1].abs() < 0.2


def test_shear_moves_rows_against_each_other() -> None:
    x, y = moved(blobs(0, 10), shear=0.3)
    assert y.allclose(torch.tensor(10.0), atol=0.1)
    assert 2.7 < x.max() <= 3.1
    assert moved(blobs(10, 0), shear=0.3)[0].allclose(torch.tensor(10.0), atol=0.1)


def test_the_seed_decides_and_no_gradient_is_kept() -> None:
    params = AugmentParams(rotation=10, translation=2, scaling=0.1, shear=0.1, clean_epochs=1)
    images = blobs(5, 5, 3).requires_grad_()
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(augment(images, params))
    first, again, other = results
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert not first.requires_grad


@pytest.mark.parametrize("key", OFF)
def test_values_out_of_range_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        AugmentParams.model_validate(OFF | {key: -1})
