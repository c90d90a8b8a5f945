from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw
from scipy.ndimage import center_of_mass
from src.picture import prepare, read_picture, resize

SHAPE = (1, 28, 28)
SEVEN = [(60, 50), (160, 45), (100, 210)]


def seven(size: tuple[int, int] = (300, 260), width: int = 24, left: int = 0, scale: float = 1) -> Image.Image:
    """Black ink on white paper."""
    picture = Image.new("L", size, 255)
    points = [(left + x * scale, y * scale) for x, y in SEVEN]
    ImageDraw.Draw(picture).line(points, fill=0, width=width, joint="curve")
    return picture


def from_float(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of the pixels that hold ink in one of them, where black to white is 1."""
    images = np.stack([prepare(one, SHAPE), prepare(other, SHAPE)]).astype(float) / 255
    return float(np.abs(images[0] - images[1]).sum() / images.max(0).sum())


def test_the_ink_fills_mnists_box_about_its_centre_of_mass() -> None:
    for left in (0, 80):
        image = prepare(seven(left=left), SHAPE)
        assert image.dtype == np.uint8
        assert (image.shape, image.max()) == (SHAPE, 255)
        rows, columns = (np.flatnonzero(image[0].any(axis)) for axis in (1, 0))
        assert rows[-1] - rows[0] + 1 == 20
        assert columns[-1] - columns[0] + 1 < 20
        assert np.abs(np.subtract(center_of_mass(image[0]), 13.5)).max() <= 0.5


def faint(ink: np.ndarray) -> np.ndarray:
    return ink * 0.3 + 0.5


def shadowed(ink: np.ndarray) -> np.ndarray:
    """A lamp above one corner."""
    rows, columns = np.indices(ink.shape) / 300
    lit: np.ndarray = ink * (0.25 + 0.75 * np.exp(-5 * (rows**2 + columns**2)))
    return lit


def grainy(ink: np.ndarray) -> np.ndarray:
    return ink * 0.6 + np.random.default_rng(0).normal(0.2, 0.03, ink.shape)


def negative(ink: np.ndarray) -> np.ndarray:
    return 1 - ink


@pytest.mark.parametrize("change", [faint, shadowed, grainy, negative])
def test_paper_and_light_do_not_matter(change: Callable[[np.ndarray], np.ndarray]) -> None:
    assert distance(seven(), from_float(change(np.asarray(seven()) / 255))) < 0.15


def test_size_and_colours_do_not_matter() -> None:
    ink = seven()
    navy, wheat = (Image.new("RGB", ink.size, colour) for colour in ("navy", "wheat"))
    for changed in (
        ink.resize((3000, 2600)),
        ink.resize((150, 130)),
        Image.composite(wheat, navy, ink),
        ink.convert("1"),
        ink.convert("P"),
    ):
        assert distance(ink, changed) < 0.15


def test_a_tight_thick_character_is_not_taken_for_paper() -> None:
    tight = seven(width=60).crop((40, 30, 190, 230))
    ImageDraw.Draw(tight).ellipse((130, 170, 134, 174), fill=0)  # a speck that touches no side
    assert distance(seven(width=60), tight) < 0.3


def test_another_character_is_further_away() -> None:
    assert distance(seven(), seven().rotate(180)) > 0.5


def test_a_thin_pen_is_as_good_as_a_thick_one() -> None:
    thin, thick = seven(width=3), seven(width=20)
    assert prepare(thin, SHAPE).max() > 200
    assert distance(thin, thick) < 0.3


def test_specks_are_left_out() -> None:
    speckled = seven()
    ImageDraw.Draw(speckled).ellipse((270, 230, 276, 236), fill=0)
    assert distance(seven(), speckled) < 0.05


def test_what_reaches_in_from_outside_is_left_out() -> None:
    on_table = seven()
    ImageDraw.Draw(on_table).rectangle((280, 0, 300, 260), fill=20)
    assert distance(seven(), on_table) < 0.15


def test_an_image_of_the_training_sets_kind_is_taken_as_it_is() -> None:
    pixels = np.zeros((28, 28, 3), np.uint8)
    pixels[4:24, 4:24] = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    assert np.array_equal(prepare(Image.fromarray(pixels), (3, 28, 28)), pixels.transpose(2, 0, 1))
    assert np.array_equal(prepare(Image.fromarray(pixels[:, :, 0]), SHAPE)[0], pixels[:, :, 0])


def test_dark_ink_in_a_picture_of_that_size_is_turned_light() -> None:
    image = prepare(seven(), SHAPE)[0]
    assert distance(Image.fromarray(255 - image), Image.fromarray(image)) < 0.2


def test_channels_and_sizes_are_the_networks() -> None:
    assert prepare(seven(), (3, 32, 40)).shape == (3, 32, 40)
    assert resize(seven(), (3, 32, 40)).shape == (3, 32, 40)
    assert np.abs(resize(seven(), SHAPE).mean() - np.asarray(seven()).mean()) < 2


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (200, 100)])
def test_empty_paper_is_refused(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).normal(0.8, 0.02, size[::-1])
    for picture in (Image.new("L", size), from_float(noise)):
        with pytest.raises(ValueError, match="nothing stands out from the paper"):
            prepare(picture, SHAPE)


def test_files_are_read_upright_opaque_and_with_all_their_bits(tmp_path: Path) -> None:
    ink = seven()
    deep = Image.fromarray((np.asarray(ink) / 255 * 5000 + 1000).astype(np.uint16))
    lying = ink.rotate(90, expand=True)
    lying.getexif()[0x0112] = 6  # orientation: to be turned by 90 degrees clockwise
    black, white = (Image.new("L", ink.size, colour) for colour in ("black", "white"))
    transparent = (Image.merge("LA", (colour, ImageChops.invert(ink))) for colour in (black, white))
    for picture in (deep, lying, *transparent):
        picture.save(tmp_path / "picture.png", exif=picture.getexif())
        read = read_picture(tmp_path / "picture.png")
        assert read.size == ink.size
        assert distance(ink, read) < 0.15


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("seven")
    seven().save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:300])
    for name in ("notes.txt", "cut.png"):
        with pytest.raises(ValueError, match="no picture that Pillow reads, or a damaged one"):
            read_picture(tmp_path / name)
    with pytest.raises(ValueError, match="No such file"):
        read_picture(tmp_path / "missing.png")
