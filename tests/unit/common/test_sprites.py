import io

import numpy as np
import pytest
from PIL import Image

from src.common.errors import UserError
from src.common.sprites import make_sprite_sheet, split_sprite_sheet


@pytest.mark.parametrize("count", [0, 1, 20, 21, 45])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_read_back_from_their_sprite_sheet(count: int, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, channels, 6, 9), np.uint8)
    sheet = make_sprite_sheet(images)
    assert sheet == make_sprite_sheet(images)
    assert np.array_equal(split_sprite_sheet(sheet, count), images)


@pytest.mark.parametrize(("size", "expected"), [((300, 200), (96, 64)), ((96, 7), (96, 7)), ((1000, 1), (96, 1))])
def test_large_images_are_reduced(size: tuple[int, int], expected: tuple[int, int]) -> None:
    colours = np.arange(0, 90, 10, dtype=np.uint8).reshape(3, 3, 1, 1)
    found = split_sprite_sheet(make_sprite_sheet(colours.repeat(size[0], 2).repeat(size[1], 3)), 3)
    assert np.array_equal(found, colours.repeat(expected[0], 2).repeat(expected[1], 3))


def test_a_sheet_of_many_images_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.common.sprites.MAX_PIXELS", 1000)
    assert split_sprite_sheet(make_sprite_sheet(np.zeros((21, 1, 28, 28), np.uint8)), 21).shape == (21, 1, 5, 5)


def png(mode: str, width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("sheet", "reason"),
    [
        (b"GIF89a", r"\(not a PNG\)"),
        (png("L", 120, 6)[:45], ""),
        (png("L", 120, 7), "2 rows of 20 images expected, found 120x7 pixels of mode L"),
        (png("L", 121, 6), "found 121x6 pixels"),
        (png("RGBA", 120, 6), "of mode RGBA"),
        (png("1", 20_000, 9_000), "decompression bomb"),
    ],
    ids=["not a PNG", "truncated", "height", "width", "mode", "too large"],
)
def test_a_sheet_that_cannot_hold_the_images_is_rejected(sheet: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=rf"^errors.png is damaged .*{reason}.*; run `dvc repro evaluate`"):
        split_sprite_sheet(sheet, 21)
