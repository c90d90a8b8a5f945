"""Read a picture file, and fit the whole picture to an image of the size that a network takes."""

import math
import re
import warnings
from fnmatch import translate
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from src.common.dataset import Fit
from src.common.errors import UserError

# What systems and editors leave behind. It includes all that .dvcignore lists: DVC does not rerun the stage for those.
IGNORED = (".*", "*~", "#*#", "*.partial", "*.pyc", "__pycache__", "__MACOSX", "[Tt]humbs.db", "[Dd]esktop.ini")
is_ignored = re.compile("|".join(map(translate, IGNORED))).match
FORMATS = ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"]  # those that Pillow recognises reliably, by their first bytes


def read_picture(file: Path | str | BinaryIO) -> Image.Image:
    """Read a PNG, JPEG, BMP, TIFF, WebP or GIF file, whatever its name, in mode L or RGB.

    The first frame or page is read and turned as its EXIF orientation says. Samples of more than 8 bits are scaled, so
    that the picture's darkest becomes 0 and its brightest 255. Transparent pixels become paper: black behind light ink,
    white behind dark ink. Raise UserError if the file is missing, damaged, too large or not such a picture.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about large pictures
            with Image.open(file, formats=FORMATS) as picture:
                picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
        return _to_8_bits(picture)
    except (Image.DecompressionBombError, MemoryError):
        raise UserError("too many pixels; reduce the picture's size") from None
    except Exception as error:  # Pillow's decoders raise all kinds of exceptions on damaged files
        reason = getattr(error, "strerror", None) or "not a PNG, JPEG, BMP, TIFF, WebP or GIF picture, or a damaged one"
        raise UserError(reason) from None


def fit_picture(picture: Image.Image, fit: Fit, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Fit a picture to an image uint8 (C, H, W), C 1 (grey) or 3 (RGB); large pictures are reduced without aliasing.

    crop: scale until the picture covers the image, and keep the centre, as torchvision's Resize and CenterCrop do; pad:
    scale until the picture fits into the image, and fill the rest with the median colour of the picture's border;
    stretch: scale each axis by itself.
    """
    channels, height, width = image_shape
    size = width, height
    picture = _convert(picture, "RGB" if channels == 3 else "L")
    if fit == "crop":
        picture = ImageOps.fit(picture, size)
    elif fit == "pad":
        picture = _pad(picture, size)
    else:
        picture = picture.resize(size)
    return np.ascontiguousarray(_to_array(picture).transpose(2, 0, 1))


def _pad(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    thinnest = math.ceil(max(picture.size) / min(size))  # a thinner strip would get a width of 0
    if min(picture.size) < thinnest:
        picture = picture.resize([max(side, thinnest) for side in picture.size])
    pixels = _to_array(picture)
    border = np.concatenate([*pixels[[0, -1]], *pixels[:, [0, -1]].swapaxes(0, 1)])
    colour = np.median(border, axis=0).round().astype(int)
    return ImageOps.pad(picture, size, color=tuple(colour.tolist()))


def _to_array(picture: Image.Image) -> np.ndarray:
    """Return the pixels uint8 (H, W, C) of a picture in mode L or RGB."""
    return np.atleast_3d(np.asarray(picture))


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Convert a picture in any of Pillow's modes to L or RGB."""
    if picture.mode.startswith(("I", "F")):  # more than 8 bits, which Pillow would clip rather than scale
        pixels = np.nan_to_num(np.asarray(picture, float), posinf=0, neginf=0)
        return Image.fromarray(np.interp(pixels, (pixels.min(), pixels.max()), (0, 255)).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        opacity = np.asarray(picture)[:, :, 3]
        light_ink = opacity.any() and np.average(np.asarray(picture.convert("L")), weights=opacity) > 127
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black" if light_ink else "white"), picture)
    return _convert(picture, "L" if picture.mode in ("1", "L") else "RGB")


def _convert(picture: Image.Image, mode: str) -> Image.Image:
    return picture if picture.mode == mode else picture.convert(mode)  # convert would copy it
