import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from src.train.augmentation import augment, draw_examples
from src.train.params import AugmentParams
from tests.builders import AUGMENTATION, NO_AUGMENTATION

HEIGHT, WIDTH = 41, 61  # not square, or a mix-up of the axes would go unnoticed


def make_spots(x: float, y: float, count: int = 200) -> Tensor:
    """Images of a round spot, x and y pixels from the centre."""
    down, across = torch.meshgrid(
        torch.arange(HEIGHT) - (HEIGHT - 1) / 2, torch.arange(WIDTH) - (WIDTH - 1) / 2, indexing="ij"
    )
    spot = torch.exp(-((across - x) ** 2 + (down - y) ** 2) / 8)
    return spot.repeat(count, 1, 1, 1)


def augmented_positions(images: Tensor, **params: float) -> tuple[Tensor, Tensor]:
    """The positions of the spots after augmentation, x and y (N,)."""
    torch.manual_seed(0)
    weights = augment(images, AugmentParams.model_validate(NO_AUGMENTATION | params))[:, 0]
    weights = weights / weights.sum((1, 2), keepdim=True)
    x = (weights.sum(1) * (torch.arange(WIDTH) - (WIDTH - 1) / 2)).sum(1)
    y = (weights.sum(2) * (torch.arange(HEIGHT) - (HEIGHT - 1) / 2)).sum(1)
    return x, y


def test_without_augmentation_the_images_are_returned_as_they_are() -> None:
    images = make_spots(0, 0, 2)
    assert augment(images, AugmentParams.model_validate(NO_AUGMENTATION)) is images


def test_rotation_keeps_the_distance_from_the_centre_and_reaches_the_largest_angle() -> None:
    x, y = augmented_positions(make_spots(12, 0), rotation=30.0)
    angles = torch.rad2deg(torch.atan2(y, x))
    assert torch.hypot(x, y).allclose(torch.tensor(12.0), atol=0.1)
    assert 27 < angles.max() <= 30.1
    assert -30.1 <= angles.min() < -27


def test_translation_is_in_pixels_along_each_axis() -> None:
    for values in augmented_positions(make_spots(0, 0), translation=3.0):
        assert 2.8 < values.max() <= 3.01
        assert -3.01 <= values.min() < -2.8


def test_scaling_is_a_fraction_and_independent_along_each_axis() -> None:
    x, y = augmented_positions(make_spots(10, 8), scaling=0.2)
    for values, before in ((x, 10), (y, 8)):
        assert before / 1.21 < values.min() < before / 1.15
        assert before / 0.85 < values.max() < before / 0.79
    assert torch.corrcoef(torch.stack([x, y]))[0, 1].abs() < 0.2


def test_shear_shifts_rows_in_proportion_to_their_height() -> None:
    x, y = augmented_positions(make_spots(0, 10), shear=0.3)
    assert y.allclose(torch.tensor(10.0), atol=0.1)
    assert 2.7 < x.max() <= 3.1
    assert augmented_positions(make_spots(10, 0), shear=0.3)[0].allclose(torch.tensor(10.0), atol=0.1)


def test_every_second_image_is_mirrored() -> None:
    images = torch.rand(400, 3, 7, 9)
    torch.manual_seed(0)
    flipped = augment(images, AugmentParams(flip=True))
    same = torch.isclose(flipped, images, atol=1e-5).flatten(1).all(1)
    mirrored = torch.isclose(flipped, images.flip(3), atol=1e-5).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 160 < mirrored.sum() < 240


def test_brightness_contrast_and_saturation_scale_the_distance_from_black_mean_and_grey() -> None:
    images = 0.4 + 0.2 * torch.rand(300, 3, 5, 6)
    centres = {
        "brightness": torch.zeros(300, 1, 1, 1),
        "contrast": images.mean((1, 2, 3), keepdim=True),
        "saturation": images.mean(1, keepdim=True),
    }
    for name, centre in centres.items():
        changed = augment(images, AugmentParams.model_validate(NO_AUGMENTATION | {name: 0.5}))
        factors = ((changed - centre) / (images - centre)).flatten(1).median(1).values
        assert torch.allclose(changed, centre + (images - centre) * factors[:, None, None, None], atol=1e-5)
        assert 0.49 < factors.min() < 0.55
        assert 1.45 < factors.max() < 1.51
    assert augment(images, AugmentParams(brightness=0.99)).max() == 1


def test_augmentation_depends_on_the_seed_and_keeps_no_gradient() -> None:
    params = AugmentParams(rotation=10, translation=2, scaling=0.1, shear=0.1, clean_epochs=1)
    images = make_spots(5, 5, 3).requires_grad_()
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(augment(images, params))
    first, again, other = results
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert not first.requires_grad


def test_examples_are_a_row_of_images_above_four_rows_of_augmentations() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 6, 9), np.uint8)
    params = AugmentParams.model_validate(AUGMENTATION)
    png = draw_examples(images, params, seed=0)
    assert png == draw_examples(images, params, seed=0)
    assert png != draw_examples(images, params, seed=1)
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert pixels.shape == (5 * 6, 20 * 9)
    assert np.array_equal(pixels[:6, :9], images[0, 0])
    assert not np.array_equal(pixels[6:12, :9], images[0, 0])


@pytest.mark.parametrize("count", [3, 6])
def test_examples_of_few_images_are_repeated(count: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 6, 9), np.uint8)
    pixels = np.asarray(Image.open(io.BytesIO(draw_examples(images, AugmentParams.model_validate(AUGMENTATION), 0))))
    assert pixels.shape == (5 * 6, 20 * 9)
    for column in range(20):
        assert np.array_equal(pixels[:6, 9 * column : 9 * column + 9], images[column % count, 0])


@pytest.mark.parametrize("key", NO_AUGMENTATION)
def test_negative_values_are_rejected(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        AugmentParams.model_validate(NO_AUGMENTATION | {key: -1})
