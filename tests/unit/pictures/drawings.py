"""Drawings of a character, and how far apart they look to the network."""

import pickle
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from src.pictures.framing import frame_character

SHAPE = (1, 28, 28)
SEVEN = [(60, 50), (160, 45), (100, 210)]


def draw_seven(size: tuple[int, int] = (300, 260), width: int = 24, left: int = 0, scale: float = 1) -> Image.Image:
    """Draw a seven in black ink on white paper."""
    picture = Image.new("L", size, 255)
    points = [(left + x * scale, y * scale) for x, y in SEVEN]
    ImageDraw.Draw(picture).line(points, fill=0, width=width, joint="curve")
    return picture


def from_brightness(pixels: np.ndarray) -> Image.Image:
    """Make a picture of brightness values from 0 to 1."""
    return Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))


def ink_distance(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of the framed images over the pixels with ink in either; black to white is 1."""
    images = np.stack([_frame(pickle.dumps(picture)) for picture in (one, other)]) / 255
    return float(np.abs(images[0] - images[1]).sum() / images.max(0).sum())


@cache  # the same picture is compared with many others
def _frame(pickled: bytes) -> np.ndarray:
    return frame_character(pickle.loads(pickled), SHAPE)
