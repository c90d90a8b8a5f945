import numpy as np
import pytest

from src.common.sprites import make_sprite_sheet, split_sprite_sheet


@pytest.mark.parametrize("count", [0, 1, 20, 21, 45])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_read_back_from_their_sprite_sheet(count: int, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, channels, 6, 9), np.uint8)
    sheet = make_sprite_sheet(images)
    assert sheet == make_sprite_sheet(images)
    assert np.array_equal(split_sprite_sheet(sheet, count), images)
