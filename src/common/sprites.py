"""Sprite sheets: many small images of one size in a single PNG, and back."""

import io
from math import isqrt

import numpy as np
from PIL import Image, UnidentifiedImageError

from src.common.errors import UserError, recreate

COLUMNS = 20
MAX_SIDE = 96  # pixels; larger images would make sheets too large for Git and for pages
MAX_PIXELS = 89_000_000  # of a sheet; Pillow warns above 89.5 million


def count_rows(images: int) -> int:
    """Return the number of rows of a sprite sheet with this many images; at least one."""
    return max(1, -(-images // COLUMNS))


def make_sprite_sheet(images: np.ndarray) -> bytes:
    """Encode uint8 images (N, C, H, W), C 1 or 3, as one PNG with 20 per row; one black row if N is 0.

    Images of more than 96 pixels a side are reduced, and smaller ones, too, if the sheet would have too many pixels.
    """
    rows = count_rows(len(images))
    images = reduce_images(images, min(MAX_SIDE, isqrt(MAX_PIXELS // (rows * COLUMNS))))
    count, channels, height, width = images.shape
    sprites = np.zeros((rows * COLUMNS, channels, height, width), np.uint8)
    sprites[:count] = images
    grid = sprites.reshape(rows, COLUMNS, channels, height, width).transpose(0, 3, 1, 4, 2)
    pixels = grid.reshape(rows * height, COLUMNS * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(pixels if channels == 3 else pixels[:, :, 0]).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def reduce_images(images: np.ndarray, longest: int) -> np.ndarray:
    """Reduce uint8 images (N, C, H, W) so that no side is longer than `longest` pixels."""
    longer = max(images.shape[2:])
    if longer <= longest:
        return images
    height, width = (max(1, side * longest // longer) for side in images.shape[2:])
    channels = images.reshape(-1, *images.shape[2:])
    reduced = [np.asarray(Image.fromarray(channel).resize((width, height))) for channel in channels]
    return np.array(reduced, np.uint8).reshape(*images.shape[:2], height, width)


def split_sprite_sheet(sheet: bytes, count: int) -> np.ndarray:
    """Decode the first count images of errors.png, uint8 (N, C, H, W); raise UserError if it cannot hold them."""
    rows = count_rows(count)
    try:
        with Image.open(io.BytesIO(sheet), formats=["PNG"]) as picture:
            if picture.mode not in ("L", "RGB") or picture.height % rows or picture.width % COLUMNS:
                size = f"{picture.width}x{picture.height}"
                raise UserError(f"{rows} rows of {COLUMNS} images expected, found {size} pixels of mode {picture.mode}")
            pixels = np.atleast_3d(np.asarray(picture))
    except (OSError, SyntaxError, ValueError, UserError, Image.DecompressionBombError) as error:
        # Pillow's message would contain a memory address.
        reason = "not a PNG" if isinstance(error, UnidentifiedImageError) else error
        raise UserError(
            f"errors.png is damaged or does not belong to errors.csv ({reason}); {recreate('evaluate')}"
        ) from None
    height, width, channels = pixels.shape[0] // rows, pixels.shape[1] // COLUMNS, pixels.shape[2]
    sprites = pixels.reshape(rows, height, COLUMNS, width, channels).transpose(0, 2, 4, 1, 3)
    return sprites.reshape(-1, channels, height, width)[:count]
