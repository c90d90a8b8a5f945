import numpy as np
import pytest
from src.tiles import from_sheet, to_sheet


@pytest.mark.parametrize("count", [0, 1, 20, 21, 45])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back(count: int, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, channels, 6, 9), np.uint8)
    sheet = to_sheet(images)
    assert sheet == to_sheet(images)
    assert np.array_equal(from_sheet(sheet, count), images)
