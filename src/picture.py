"""A picture of one character as people have it, of any size and colours, in; an image like those of MNIST out."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.ndimage import binary_dilation, center_of_mass, label
from skimage.exposure import rescale_intensity
from skimage.filters import gaussian, threshold_otsu
from skimage.morphology import dilation, disk, skeletonize

DARK = 32  # of 255; the border of an image of light ink on black is darker
LONGEST = 256  # pixels a side; larger pictures are shrunk to it first
BLUR = 1 / 12  # of the longer side, the deviation over which paper is averaged: shadows are larger, strokes smaller
CONTRAST = 0.1  # of ink to paper, where black to white is 1; below it there is nothing to read
SPECK = 0.1  # of the largest component; smaller ones are dirt
STROKE = 0.1  # of the ink's longer side; a thinner pen's is widened to it: shrunk, it would fade away
BOX = 20 / 28  # of the image's side, for the ink's longer side


def read_picture(path: Path) -> Image.Image:
    """Upright and in 8 bits; what is transparent counts as paper. ValueError when there is no such picture."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of many pixels
            picture: Image.Image = Image.open(path)
            picture.load()
    except Image.DecompressionBombError:
        raise ValueError("too many pixels; make it smaller") from None
    except Exception as error:  # on a damaged file, Pillow's decoders raise whatever they like
        reason = getattr(error, "strerror", None) or "no picture that Pillow reads, or a damaged one"
        raise ValueError(reason) from None
    if picture.mode.startswith(("I", "F")):  # more than 8 bits, which Pillow would cut off, not scale
        pixels = np.nan_to_num(np.asarray(picture, float), posinf=0, neginf=0)
        picture = Image.fromarray(rescale_intensity(pixels, out_range=(0, 255)).astype(np.uint8))
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        opacity = np.asarray(picture)[:, :, 3]
        light_ink = opacity.any() and np.average(np.asarray(picture.convert("L")), weights=opacity) > 127
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black" if light_ink else "white"), picture)
    return picture


def prepare(picture: Image.Image, image_shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (C, H, W): the ink alone, light on black, in a box of 20/28 of the image, its centre of mass in the middle.

    A picture that has H x W pixels and a black border is taken as it is. ValueError when no ink stands out.
    Source of the frame: LeCun, Cortes, Burges, The MNIST database of handwritten digits.
    """
    channels, height, width = image_shape
    if picture.size == (width, height):
        image = resize(picture, image_shape)
        if np.concatenate([image[:, [0, -1]].ravel(), image[:, :, [0, -1]].ravel()]).mean() < DARK:
            return image
    small = picture.convert("L")
    small.thumbnail((LONGEST, LONGEST))
    ink = _fit(_thicken(_cut_out(_ink(np.asarray(small) / 255))), BOX * min(height, width))
    frame = np.zeros((height, width))
    top, left = (
        min(max(round((size - 1) / 2 - middle), 0), size - length)
        for size, length, middle in zip(frame.shape, ink.shape, center_of_mass(ink), strict=True)
    )
    frame[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.repeat((frame * 255).round().astype(np.uint8)[None], channels, axis=0)


def resize(picture: Image.Image, image_shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (C, H, W): the whole picture, as bright as it is."""
    channels, height, width = image_shape
    pixels = picture.convert("RGB" if channels == 3 else "L").resize((width, height))
    return np.atleast_3d(np.asarray(pixels)).transpose(2, 0, 1)


def _ink(grey: np.ndarray) -> np.ndarray:
    """Brightness (H, W) in, how much ink out, both float in [0, 1]: what differs from the paper around it."""
    paper = gaussian(grey, BLUR * max(grey.shape))
    contrast = grey - paper
    if (contrast**3).sum() < 0:  # there is little ink, and it differs much: it is darker
        contrast = 1 - grey / paper.clip(0.05)  # dark ink reflects a share of the light
    threshold = threshold_otsu(contrast)
    if not (contrast > threshold).any() or (full := np.median(contrast[contrast > threshold])) < CONTRAST:
        raise ValueError("nothing stands out from the paper; it takes one character, darker or lighter than the rest")
    none = (threshold + np.median(contrast[contrast <= threshold])) / 2
    ink: np.ndarray = np.clip((contrast - none) / (full - none), 0, 1)
    return ink


def _cut_out(ink: np.ndarray) -> np.ndarray:
    """The rectangle of the character's ink, without specks and what reaches in from outside."""
    components, count = label(ink > 0.5, np.ones((3, 3)))
    sizes = np.bincount(components.ravel())[1:]
    borders = components[0], components[-1], components[:, 0], components[:, -1]
    touched = sum(np.isin(range(1, count + 1), border).astype(int) for border in borders)
    inner = sizes * (touched < 2)  # a table's edge or a finger touches two sides of the picture or more
    if inner.max() >= SPECK * sizes.max():
        sizes = inner
    kept = np.isin(components, 1 + np.flatnonzero(sizes >= SPECK * sizes.max()))
    ink = ink * binary_dilation(kept, np.ones((3, 3)))  # with its soft edges
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicken(ink: np.ndarray) -> np.ndarray:
    """The ink with strokes of a width that survives shrinking."""
    lines = ink > 0.5
    width = lines.sum() / skeletonize(lines).sum()  # area by length
    radius = round((STROKE * max(ink.shape) - width) / 2)
    return dilation(np.pad(ink, radius), disk(radius)) if radius > 0 else ink


def _fit(ink: np.ndarray, side: float) -> np.ndarray:
    """Its longer side as long as side."""
    scale = side / max(ink.shape)
    height, width = (max(1, round(length * scale)) for length in ink.shape)
    return np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height))).clip(0, 1)
