from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from src.common.pictures import read_picture
from tests.unit.predict.drawings import draw_seven, ink_distance


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
    with pytest.raises(ValueError, match="not a PNG, JPEG, BMP, TIFF, WebP or GIF picture, or a damaged one"):
        read_picture(tmp_path / "notes.txt")


def test_a_truncated_picture_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    draw_seven().save(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="not a PNG, JPEG, BMP, TIFF, WebP or GIF picture, or a damaged one"):
        read_picture(path)


def test_a_missing_picture_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        read_picture(tmp_path / "missing.png")


def test_a_picture_with_too_many_pixels_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_seven().save(tmp_path / "picture.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="too many pixels; reduce the picture's size"):
        read_picture(tmp_path / "picture.png")
