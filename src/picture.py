"""A picture of one character as people have it, of any size and colours, in; an image like those of MNIST out."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.ndimage import binary_dilation, center_of_mass, grey_opening, label
from skimage.exposure import rescale_intensity
from skimage.filters import threshold_otsu
from skimage.morphology import dilation, disk, skeletonize

LONGEST = 256  # pixels a side; larger pictures are shrunk to it first
CONTRAST = 0.1  # of ink to paper, where black to white is 1; below it there is nothing to read
SPECK = 0.1  # of the largest patch of ink; smaller ones are dirt
STROKE = 0.1  # of the ink's longer side; a thinner pen's is widened to it: shrunk, it would fade away
BOX = 20 / 28  # of the image's side, for the ink's longer side


def read_picture(path: Path) -> Image.Image:
    """ValueError when the file is no picture that Pillow reads, or is damaged or missing."""
    try:
        picture: Image.Image = Image.open(path)
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "not a picture, or a damaged one"
        raise ValueError(reason) from None
    if picture.mode.startswith(("I", "F")):  # more than 8 bits, which Pillow would cut off, not scale
        pixels = np.asarray(picture).astype(float)
        picture = Image.fromarray(rescale_intensity(pixels, out_range=(0, 255)).astype(np.uint8))
    return picture


def prepare(picture: Image.Image, image_shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (C, H, W): the ink alone, light on black, in a box of 20/28 of the image, its centre of mass in the middle.

    A picture that has H x W pixels already is taken as it is. ValueError when no ink stands out from the paper.
    Source of the frame: LeCun, Cortes, Burges, The MNIST database of handwritten digits.
    """
    channels, height, width = image_shape
    if picture.size == (width, height):
        return resize(picture, image_shape)
    ink = _fit(_thicken(_cut_out(_ink(_grey(picture)))), BOX * min(height, width))
    image = np.zeros((height, width))
    top, left = (
        min(max(round((size - 1) / 2 - middle), 0), size - length)
        for size, length, middle in zip(image.shape, ink.shape, center_of_mass(ink), strict=True)
    )
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.repeat((image * 255).round().astype(np.uint8)[None], channels, axis=0)


def resize(picture: Image.Image, image_shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (C, H, W): the whole picture, as bright as it is."""
    channels, height, width = image_shape
    pixels = picture.convert("RGB" if channels == 3 else "L").resize((width, height))
    return np.atleast_3d(np.asarray(pixels)).transpose(2, 0, 1)


def _grey(picture: Image.Image) -> np.ndarray:
    """Brightness float (H, W) in [0, 1], upright; what is transparent counts as paper."""
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail((LONGEST, LONGEST))
    brightness, opacity = (np.asarray(upright.convert(mode)) / 255 for mode in ("L", "RGBA"))
    opacity = opacity[:, :, 3]
    dark_ink = np.average(brightness, weights=opacity) < 0.5 if opacity.any() else True
    return brightness * opacity + (1 - opacity) * dark_ink


def _ink(grey: np.ndarray) -> np.ndarray:
    """How much ink, float (H, W) in [0, 1]: what is lighter or darker than the paper, whatever shadow lies on it."""
    plane = np.stack([np.ones(grey.shape), *np.indices(grey.shape)], axis=2)
    edge = np.ones(grey.shape, bool)
    edge[1:-1, 1:-1] = False
    paper = plane @ np.linalg.lstsq(plane[edge], grey[edge])[0]
    difference = grey - paper
    light = difference * np.sign((difference**3).sum())  # what differs most is ink
    light -= grey_opening(light, size=max(3, max(grey.shape) // 3))  # the rest of the shadow
    threshold = threshold_otsu(light)
    low, high = (np.median(light[mask]) if mask.any() else 0.0 for mask in (light <= threshold, light > threshold))
    if high - low < CONTRAST:
        raise ValueError("nothing stands out from the paper; it takes one character, darker or lighter than the rest")
    low = (low + threshold) / 2
    ink: np.ndarray = np.clip((light - low) / (high - low), 0, 1)
    return ink


def _cut_out(ink: np.ndarray) -> np.ndarray:
    """The rectangle of the ink, without specks."""
    patches, count = label(ink > 0.5, np.ones((3, 3)))
    sizes = np.bincount(patches.ravel(), minlength=count + 1)[1:]
    kept = np.isin(patches, 1 + np.flatnonzero(sizes >= SPECK * sizes.max()))
    ink = ink * binary_dilation(kept, np.ones((3, 3)))  # with its soft edges
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicken(ink: np.ndarray) -> np.ndarray:
    lines = ink > 0.5
    stroke = lines.sum() / skeletonize(lines).sum()  # its area by its length
    radius = round((STROKE * max(ink.shape) - stroke) / 2)
    return dilation(np.pad(ink, radius), disk(radius)) if radius > 0 else ink


def _fit(ink: np.ndarray, side: float) -> np.ndarray:
    """Its longer side as long as side."""
    scale = side / max(ink.shape)
    height, width = (max(1, round(length * scale)) for length in ink.shape)
    return np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height))).clip(0, 1)
