"""Isolate the character, or the drawing, in a picture, and frame it as MNIST frames its digits."""

import numpy as np
from PIL import Image
from scipy.ndimage import center_of_mass
from skimage.morphology import dilation, disk, skeletonize

from src.pictures.character import border_of, find_character
from src.pictures.fitting import fit_picture

BLACK_BORDER, MIN_INK = 8, 32  # of 255: the border of a picture with light ink on black is darker, and the ink lighter
# White paper in a black frame is no ink: the box around pixels of at least this brightness (of 255) has sides of at
# least this fraction of the picture's shorter side, and such pixels are at least that fraction of the box's border.
LIGHT, MIN_PAPER, MIN_FULL = 128, 0.55, 0.9
# For a picture that is framed already, as fractions of its shorter side: the extent of its ink, and how far the ink's
# centre may be from the middle; ink of a larger extent may be anywhere.
MIN_FRAMED, MAX_OFF_CENTRE, MIN_FILLING = 0.55, 0.09, 0.75
MIN_STROKE = 0.1  # of the ink's longer side; thinner strokes are widened, or they would vanish when downscaled
INK_BOX = 20 / 28  # length of the ink's longer side, relative to the image's side


def frame_character(picture: Image.Image, image_shape: tuple[int, int, int], drawing: bool = False) -> np.ndarray:
    """Return a uint8 image (C, H, W): light ink on black, its longer side 20/28 of the image's, centred by mass.

    A picture of exactly H x W pixels that is framed like this already is used unchanged. Raise UserError unless exactly
    one character, or, for a drawing, any ink, stands out. Source of the framing: LeCun, Cortes, Burges, The MNIST
    database of handwritten digits.
    """
    channels, height, width = image_shape
    if picture.size == (width, height):
        image = fit_picture(picture, "stretch", image_shape)
        if is_framed(image.max(0)):
            return image
    ink = _scale_to(_thicken(find_character(picture.convert("L"), drawing)), INK_BOX * min(height, width))
    frame = np.zeros((height, width))
    top, left = (
        min(max(round((size - 1) / 2 - centre), 0), size - length)
        for size, length, centre in zip(frame.shape, ink.shape, center_of_mass(ink), strict=True)
    )
    frame[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.repeat((frame * 255).round().astype(np.uint8)[None], channels, axis=0)


def is_framed(image: np.ndarray) -> bool:
    """Return whether an image (H, W) shows light ink on black that is in the middle, or fills the image."""
    if np.median(border_of(image)) >= BLACK_BORDER or image.max() < MIN_INK:
        return False
    rows, columns = (np.flatnonzero((image >= LIGHT).any(axis)) for axis in (1, 0))
    if min(len(rows), len(columns)) >= MIN_PAPER * min(image.shape):
        box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if (border_of(box) >= LIGHT).mean() >= MIN_FULL:
            return False
    ink = (np.argwhere(image >= MIN_INK) - np.divide(image.shape, 2) + 0.5) / min(image.shape)
    return bool(np.ptp(ink, 0).max() >= (MIN_FRAMED if abs(ink.mean(0)).max() < MAX_OFF_CENTRE else MIN_FILLING))


def _thicken(ink: np.ndarray) -> np.ndarray:
    """Widen thin strokes so that they survive downscaling."""
    lines = ink > 0.5
    width = lines.sum() / skeletonize(lines).sum()  # area divided by length
    radius = round((MIN_STROKE * max(ink.shape) - width) / 2)
    return dilation(np.pad(ink, radius), disk(radius)) if radius > 0 else ink


def _scale_to(ink: np.ndarray, side: float) -> np.ndarray:
    """Scale the ink so that its longer side has the given length."""
    scale = side / max(ink.shape)
    height, width = (max(1, round(length * scale)) for length in ink.shape)
    return np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height))).clip(0, 1)
