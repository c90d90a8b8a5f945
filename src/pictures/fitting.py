"""Turn a picture into an image of the size that a network takes."""

import math

import numpy as np
from PIL import Image, ImageOps

from src.common.dataset import Fit, Preprocessing
from src.pictures.reading import Picture


def make_input(picture: Picture, preprocessing: Preprocessing, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return a uint8 image (C, H, W); raise UserError as `frame_character` does."""
    image, fit = picture.to_image(preprocessing), preprocessing.fit
    if fit != "character" and fit != "drawing":
        return fit_picture(image, fit, image_shape)
    from src.pictures.framing import frame_character  # takes half a second to import

    return frame_character(image, image_shape, drawing=fit == "drawing")


def fit_picture(picture: Image.Image, fit: Fit, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Turn a picture into a uint8 image (C, H, W), C = 1 (grey) or 3 (RGB); reduce large pictures without aliasing.

    crop: scale until the picture covers the image, and keep the centre, as torchvision's Resize and CenterCrop do; pad:
    scale until the picture fits into the image, and fill the rest with the median colour of the picture's border;
    stretch: scale each axis independently.
    """
    channels, height, width = image_shape
    size = width, height
    mode = "RGB" if channels == 3 else "L"
    if picture.mode != mode:  # convert copies even a picture that needs no conversion
        picture = picture.convert(mode)
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
