"""Turn a picture into an image for the network; a character is isolated and framed as MNIST frames its digits."""

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, center_of_mass, label
from skimage.filters import gaussian, threshold_otsu
from skimage.morphology import dilation, disk, skeletonize

from src.common.errors import UserError
from src.pictures.fitting import fit_picture

DARK_BORDER = 32  # of 255; a picture with light ink on black has a darker border than this
MAX_SIDE = 256  # pixels; larger pictures are reduced first
PAPER_BLUR = 1 / 12  # of the longer side: separates shadows, which are larger, from strokes, which are smaller
OTSU_BINS = 256
MIN_CONTRAST = 0.1  # between ink and paper (black against white is 1); a fainter picture counts as blank
MIN_COMPONENT = 0.1  # of the largest component's size; smaller components are specks
MIN_STROKE = 0.1  # of the ink's longer side; thinner strokes are widened, or they would vanish when downscaled
INK_BOX = 20 / 28  # of the image's side, for the ink's longer side


def frame_character(picture: Image.Image, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return a uint8 image (C, H, W): light ink on black, its longer side 20/28 of it, centred by mass.

    A picture of exactly H x W pixels with a black border is used unchanged. Raise UserError if no ink stands out.
    Source of the framing: LeCun, Cortes, Burges, The MNIST database of handwritten digits.
    """
    channels, height, width = image_shape
    if picture.size == (width, height):
        image = fit_picture(picture, "stretch", image_shape)
        border = np.concatenate([image[:, [0, -1]].ravel(), image[:, :, [0, -1]].ravel()])
        if np.median(border) < DARK_BORDER <= image.max():
            return image
    small = picture.convert("L")
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    ink = _scale_to(_thicken(_cut_out(_find_ink(np.asarray(small) / 255))), INK_BOX * min(height, width))
    frame = np.zeros((height, width))
    top, left = (
        min(max(round((size - 1) / 2 - centre), 0), size - length)
        for size, length, centre in zip(frame.shape, ink.shape, center_of_mass(ink), strict=True)
    )
    frame[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.repeat((frame * 255).round().astype(np.uint8)[None], channels, axis=0)


def _find_ink(grey: np.ndarray) -> np.ndarray:
    """Compute the amount of ink (H, W) in [0, 1] from brightness in [0, 1], relative to the surrounding paper."""
    paper = gaussian(grey, PAPER_BLUR * max(grey.shape))
    contrast = grey - paper
    if (contrast**3).sum() < 0:  # the ink, the few pixels that differ most, is darker than the paper
        contrast = 1 - grey / paper.clip(0.05)  # dark ink reflects a fraction of the light
    threshold = threshold_otsu(contrast, OTSU_BINS)
    full = _median_above(contrast, threshold)
    if full < MIN_CONTRAST:
        # Otsu's threshold is a bin centre. With hard-edged ink, all of the paper can fall in the upper half of that
        # bin.
        threshold += np.ptp(contrast) / OTSU_BINS / 2
        full = _median_above(contrast, threshold)
    if full < MIN_CONTRAST:
        expected = "the picture must show one character, darker or lighter than the rest"
        raise UserError(f"no ink stands out from the paper; {expected}")
    none = (threshold + np.median(contrast[contrast <= threshold])) / 2
    ink: np.ndarray = np.clip((contrast - none) / (full - none), 0, 1)
    return ink


def _median_above(contrast: np.ndarray, threshold: float) -> float:
    above = contrast[contrast > threshold]
    return float(np.median(above)) if len(above) else 0.0


def _cut_out(ink: np.ndarray) -> np.ndarray:
    """Crop to the character, without specks and without objects that extend beyond the picture."""
    components, count = label(ink > 0.5, np.ones((3, 3)))
    sizes = np.bincount(components.ravel())[1:]
    borders = components[0], components[-1], components[:, 0], components[:, -1]
    touched = sum(np.isin(range(1, count + 1), border).astype(int) for border in borders)
    inner = sizes * (touched < 2)  # a finger or a table edge touches at least two sides of the picture
    if inner.max() >= MIN_COMPONENT * sizes.max():
        sizes = inner
    kept = np.isin(components, 1 + np.flatnonzero(sizes >= MIN_COMPONENT * sizes.max()))
    ink = ink * binary_dilation(kept, np.ones((3, 3)))  # includes the soft edges
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


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
