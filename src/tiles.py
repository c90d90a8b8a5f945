"""Small images of one size in, one PNG of them all out, and back."""

import io

import numpy as np
from PIL import Image

COLUMNS = 20


def to_sheet(images: np.ndarray) -> bytes:
    """uint8 images (N, C, H, W), C 1 or 3, side by side in rows of 20; a black row when there are none."""
    count, channels, height, width = images.shape
    rows = max(1, -(-count // COLUMNS))
    tiles = np.zeros((rows * COLUMNS, channels, height, width), np.uint8)
    tiles[:count] = images
    sheet = tiles.reshape(rows, COLUMNS, channels, height, width).transpose(0, 3, 1, 4, 2)
    pixels = sheet.reshape(rows * height, COLUMNS * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(pixels if channels == 3 else pixels[:, :, 0]).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def from_sheet(sheet: bytes, count: int) -> np.ndarray:
    """The first count images of a sheet, uint8 (N, C, H, W)."""
    pixels = np.atleast_3d(np.asarray(Image.open(io.BytesIO(sheet))))
    rows = max(1, -(-count // COLUMNS))
    height, width, channels = pixels.shape[0] // rows, pixels.shape[1] // COLUMNS, pixels.shape[2]
    tiles = pixels.reshape(rows, height, COLUMNS, width, channels).transpose(0, 2, 4, 1, 3)
    return tiles.reshape(-1, channels, height, width)[:count]
