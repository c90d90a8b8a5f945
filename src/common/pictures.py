"""Read a picture file: upright, in 8 bits, and without transparency."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage.exposure import rescale_intensity


def read_picture(path: Path) -> Image.Image:
    """Read a picture in any format that Pillow supports; raise ValueError if it is missing, damaged or too large.

    The EXIF orientation is applied, samples of more than 8 bits are scaled to 8, and transparent pixels become paper:
    black behind light ink, white behind dark ink.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about large pictures
            picture: Image.Image = Image.open(path)
            picture.load()
    except Image.DecompressionBombError:
        raise ValueError("too many pixels; reduce the picture's size") from None
    except Exception as error:  # Pillow's decoders raise all kinds of exceptions on damaged files
        reason = getattr(error, "strerror", None) or "not a picture that Pillow can read, or a damaged one"
        raise ValueError(reason) from None
    if picture.mode.startswith(("I", "F")):  # more than 8 bits, which Pillow would clip rather than scale
        pixels = np.nan_to_num(np.asarray(picture, float), posinf=0, neginf=0)
        picture = Image.fromarray(rescale_intensity(pixels, out_range=(0, 255)).astype(np.uint8))
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        opacity = np.asarray(picture)[:, :, 3]
        light_ink = opacity.any() and np.average(np.asarray(picture.convert("L")), weights=opacity) > 127
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black" if light_ink else "white"), picture)
    return picture
