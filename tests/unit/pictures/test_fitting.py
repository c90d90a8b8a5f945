import numpy as np
import pytest
from PIL import Image

from src.common.dataset import Fit
from src.pictures.fitting import fit_picture


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_that_has_the_size_of_the_image_is_not_changed(fit: Fit, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    expected = pixels if channels == 3 else np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]
    image = fit_picture(Image.fromarray(pixels), fit, (channels, 5, 7))
    assert image.dtype == np.uint8
    assert np.array_equal(image, expected.transpose(2, 0, 1))


@pytest.mark.parametrize(("size", "centre"), [((90, 60), (15, 0, 75, 60)), ((60, 95), (0, 17, 60, 77))])
def test_crop_keeps_the_centre(size: tuple[int, int], centre: tuple[int, int, int, int]) -> None:
    picture = Image.radial_gradient("L").resize(size)
    reduced = picture.crop(centre).resize((30, 30), Image.Resampling.BILINEAR)
    difference = fit_picture(picture, "crop", (1, 30, 30))[0] - np.asarray(reduced, float)
    assert np.abs(difference).max() <= 4  # another interpolation, and a crop at a whole pixel


def test_pad_keeps_the_whole_picture_and_adds_the_median_of_its_border() -> None:
    pixels = np.full((40, 20, 3), (10, 20, 30), np.uint8)
    pixels[:, :4] = 255  # a minority of the border
    pixels[10:30, 8:16] = 200
    image = fit_picture(Image.fromarray(pixels), "pad", (3, 40, 40)).transpose(1, 2, 0)
    assert np.array_equal(image[:, 10:30], pixels)
    assert np.array_equal(image[:, :10], np.full((40, 10, 3), (10, 20, 30)))
    assert np.array_equal(image[:, 30:], image[:, :10])


def test_stretch_scales_each_axis_by_itself() -> None:
    halves = np.zeros((60, 20), np.uint8)
    halves[30:] = 255
    image = fit_picture(Image.fromarray(halves), "stretch", (1, 10, 10))[0]
    assert image[:4].max() <= 5
    assert image[6:].min() >= 250


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (1000, 1), (3, 2)])
def test_pictures_of_any_shape_fit(fit: Fit, size: tuple[int, int]) -> None:
    picture = Image.new("L", size, 200)
    assert fit_picture(picture, fit, (3, 28, 20)).shape == (3, 28, 20)
    assert np.unique(fit_picture(picture, fit, (1, 28, 20))).tolist() == [200]


def test_a_long_strip_does_not_vanish_when_padded() -> None:
    strip = Image.new("L", (1000, 3), 0)
    strip.paste(255, (400, 1, 600, 2))
    assert fit_picture(strip, "pad", (1, 28, 28)).max() > 50


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_fine_patterns_become_grey_instead_of_aliasing(fit: Fit) -> None:
    checks = Image.fromarray((np.indices((400, 400)).sum(0) % 2 * 255).astype(np.uint8))
    image = fit_picture(checks, fit, (1, 28, 28))
    assert image.min() >= 120
    assert image.max() <= 135
