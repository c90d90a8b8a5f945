import importlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from src.common.dataset import Fit
from src.common.errors import UserError
from src.pictures.pictures import fit_picture, read_picture
from tests.unit.pictures.drawings import draw_seven, ink_distance


def test_pictures_are_read_upright_opaque_and_scaled_to_8_bits(tmp_path: Path) -> None:
    ink = draw_seven()
    deep = Image.fromarray((np.asarray(ink) / 255 * 5000 + 1000).astype(np.uint16))
    lying = ink.rotate(90, expand=True)
    lying.getexif()[0x0112] = 6  # orientation: to be turned by 90 degrees clockwise
    black, white = (Image.new("L", ink.size, colour) for colour in ("black", "white"))
    transparent = (Image.merge("LA", (colour, ImageChops.invert(ink))) for colour in (black, white))
    for picture in (deep, lying, *transparent):
        picture.save(tmp_path / "picture.png", exif=picture.getexif())
        read = read_picture(tmp_path / "picture.png")
        assert read.size == ink.size
        assert ink_distance(ink, read) < 0.15


def test_a_file_that_is_not_a_picture_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("seven")
    with pytest.raises(UserError, match="not a PNG, JPEG, BMP, TIFF, WebP or GIF picture, or a damaged one"):
        read_picture(tmp_path / "notes.txt")


def test_a_truncated_picture_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    draw_seven().save(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match="not a PNG, JPEG, BMP, TIFF, WebP or GIF picture, or a damaged one"):
        read_picture(path)


def test_a_missing_picture_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_picture(tmp_path / "missing.png")


def test_a_picture_with_too_many_pixels_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_seven().save(tmp_path / "picture.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="too many pixels; reduce the picture's size"):
        read_picture(tmp_path / "picture.png")


def test_what_is_read_is_grey_or_rgb(tmp_path: Path) -> None:
    for mode, expected in {
        "1": "L",
        "L": "L",
        "LA": "RGB",
        "P": "RGB",
        "RGB": "RGB",
        "RGBA": "RGB",
        "I;16": "L",
    }.items():
        Image.new(mode, (3, 2)).save(tmp_path / "picture.png")
        assert read_picture(tmp_path / "picture.png").mode == expected


def test_a_deep_picture_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.arange(6, dtype=np.uint16).reshape(2, 3) * 1000
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "picture.png", exif=exif)
    assert np.asarray(read_picture(tmp_path / "picture.png")).tolist() == [[255, 204, 153], [102, 51, 0]]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_that_has_the_size_of_the_image_is_not_changed(fit: Fit, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    expected = pixels if channels == 3 else np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]
    image = fit_picture(Image.fromarray(pixels), fit, (channels, 5, 7))
    assert image.dtype == np.uint8
    assert np.array_equal(image, expected.transpose(2, 0, 1))


def test_crop_keeps_the_centre_as_torchvision_does() -> None:
    importlib.import_module("src.download.idx_datasets")  # makes torchvision importable
    transforms = importlib.import_module("torchvision.transforms")
    for size in ((90, 60), (60, 90), (300, 61)):
        picture = Image.radial_gradient("L").resize(size)
        torchvisions = transforms.Compose([transforms.Resize(30), transforms.CenterCrop(30)])(picture)
        difference = fit_picture(picture, "crop", (1, 30, 30))[0] - np.asarray(torchvisions, float)
        # torchvision interpolates linearly, and places the crop at a whole pixel.
        assert np.abs(difference).max() <= 6


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
