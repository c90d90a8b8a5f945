from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import center_of_mass

from src.common.errors import UserError
from src.pictures.framing import frame_character
from tests.unit.pictures.drawings import SHAPE, draw_seven, from_brightness, ink_distance


def test_the_ink_is_20_pixels_long_and_centred_by_mass() -> None:
    for left in (0, 80):
        image = frame_character(draw_seven(left=left), SHAPE)
        assert image.dtype == np.uint8
        assert (image.shape, image.max()) == (SHAPE, 255)
        rows, columns = (np.flatnonzero(image[0].any(axis)) for axis in (1, 0))
        assert rows[-1] - rows[0] + 1 == 20
        assert columns[-1] - columns[0] + 1 < 20
        assert np.abs(np.subtract(center_of_mass(image[0]), 13.5)).max() <= 0.5


def make_faint(ink: np.ndarray) -> np.ndarray:
    return ink * 0.3 + 0.5


def light_unevenly(ink: np.ndarray) -> np.ndarray:
    """Light the paper by a lamp above one corner."""
    rows, columns = np.indices(ink.shape) / 300
    lit: np.ndarray = ink * (0.25 + 0.75 * np.exp(-5 * (rows**2 + columns**2)))
    return lit


def add_grain(ink: np.ndarray) -> np.ndarray:
    return ink * 0.6 + np.random.default_rng(0).normal(0.2, 0.03, ink.shape)


def invert(ink: np.ndarray) -> np.ndarray:
    return 1 - ink


@pytest.mark.parametrize("change", [make_faint, light_unevenly, add_grain, invert])
def test_paper_and_light_do_not_matter(change: Callable[[np.ndarray], np.ndarray]) -> None:
    assert ink_distance(draw_seven(), from_brightness(change(np.asarray(draw_seven()) / 255))) < 0.15


def test_size_and_colours_do_not_matter() -> None:
    ink = draw_seven()
    navy, wheat = (Image.new("RGB", ink.size, colour) for colour in ("navy", "wheat"))
    for changed in (
        ink.resize((3000, 2600)),
        ink.resize((150, 130)),
        Image.composite(wheat, navy, ink),
        ink.convert("1"),
        ink.convert("P"),
    ):
        assert ink_distance(ink, changed) < 0.15


def test_a_thick_character_that_fills_the_picture_is_not_mistaken_for_paper() -> None:
    tight = draw_seven(width=60).crop((40, 30, 190, 230))
    ImageDraw.Draw(tight).ellipse((130, 170, 134, 174), fill=0)  # a speck inside
    assert ink_distance(draw_seven(width=60), tight) < 0.3


def test_another_character_looks_different() -> None:
    assert ink_distance(draw_seven(), draw_seven().rotate(180)) > 0.5


def test_a_thin_pen_looks_like_a_thick_one() -> None:
    thin, thick = draw_seven(width=3), draw_seven(width=20)
    assert frame_character(thin, SHAPE).max() > 200
    assert ink_distance(thin, thick) < 0.3


def test_specks_are_removed() -> None:
    speckled = draw_seven()
    ImageDraw.Draw(speckled).ellipse((270, 230, 276, 236), fill=0)
    assert ink_distance(draw_seven(), speckled) < 0.05


def test_objects_that_reach_in_from_outside_are_removed() -> None:
    on_table = draw_seven()
    ImageDraw.Draw(on_table).rectangle((280, 0, 300, 260), fill=20)
    assert ink_distance(draw_seven(), on_table) < 0.15


def test_an_image_like_those_of_the_training_set_is_not_changed() -> None:
    pixels = np.zeros((28, 28, 3), np.uint8)
    pixels[4:24, 4:24] = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    assert np.array_equal(frame_character(Image.fromarray(pixels), (3, 28, 28)), pixels.transpose(2, 0, 1))
    assert np.array_equal(frame_character(Image.fromarray(pixels[:, :, 0]), SHAPE)[0], pixels[:, :, 0])


def test_dark_ink_in_a_picture_of_the_training_size_is_inverted() -> None:
    image = frame_character(draw_seven(), SHAPE)[0]
    assert ink_distance(Image.fromarray(255 - image), Image.fromarray(image)) < 0.2


def test_the_image_has_the_channels_and_size_of_the_network() -> None:
    assert frame_character(draw_seven(), (3, 32, 40)).shape == (3, 32, 40)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (200, 100)])
def test_empty_paper_is_rejected(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).normal(0.8, 0.02, size[::-1])
    for picture in (Image.new("L", size), from_brightness(noise)):
        with pytest.raises(UserError, match="no ink stands out from the paper"):
            frame_character(picture, SHAPE)


def test_hard_edged_drawings_of_any_size_are_read() -> None:
    rng = np.random.default_rng(0)
    for number in range(100):
        side = int(rng.integers(56, 253))
        picture = Image.new("1", (side, side), 1)  # black and white, without grey edges
        points = [(side * x, side * y) for x, y in rng.uniform(0.2, 0.8, (4, 2))]
        ImageDraw.Draw(picture).line(points, fill=0, width=max(2, int(side * rng.uniform(0.04, 0.12))))
        assert frame_character(picture, SHAPE).max() == 255, f"drawing {number} of {side}x{side} pixels"


@pytest.mark.parametrize("brightness", [0, 20, 255])
def test_an_empty_picture_of_the_training_size_is_rejected(brightness: int) -> None:
    with pytest.raises(UserError, match="no ink stands out from the paper"):
        frame_character(Image.new("L", (28, 28), brightness), SHAPE)
