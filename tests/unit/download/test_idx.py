import numpy as np
import pytest

from src.common.errors import UserError
from src.download.idx import decode_idx

IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])


def test_images_and_labels_are_decoded() -> None:
    assert decode_idx(IMAGES, dimensions=3).tolist() == [[[1, 2, 3]], [[4, 5, 6]]]
    labels = decode_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), dimensions=1)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [7, 9]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>not found</html>", "magic number is 0x3c68746d, expected 0x00000803"),
        (bytes([0, 0, 8, 1]) + IMAGES[4:], "magic number is 0x00000801"),
        (b"", "magic number is 0x,"),
        (IMAGES[:10], "truncated: 10 bytes"),
        (IMAGES[:-1], r"21 bytes, but the header implies 22 for \[2, 1, 3\]"),
        (IMAGES + b"0", "23 bytes"),
        (IMAGES[:4] + b"\xff" * 12 + IMAGES[16:], "implies"),
    ],
)
def test_data_that_is_not_idx_is_rejected(data: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        decode_idx(data, dimensions=3)
