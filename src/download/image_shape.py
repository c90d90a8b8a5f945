"""Choose the size and the channels of the images that a folder's pictures become, where the parameters are `auto`."""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from statistics import median
from typing import Literal, NamedTuple

import numpy as np

from src.common.dataset import FRAMED, Preprocessing
from src.common.errors import UserError
from src.common.text import count
from src.download.params import DownloadParams
from src.pictures.fitting import fit_picture
from src.pictures.reading import read_picture

SAMPLE = 200  # the largest number of pictures to examine
SIZES = (28, 32, 48, 64, 96)  # pixels
# A picture has colour if more than this fraction of its pixels have it; the images are RGB if more than this fraction
# of the pictures have colour.
COLOURED = 0.01
SPREAD = 24  # of 255: the least difference between the channels of a visibly coloured pixel
CHARACTER = (1, 28, 28)  # the shape of MNIST's images


class _Look(NamedTuple):
    """The shorter side of a picture, and whether it visibly has colour."""

    side: int
    coloured: bool


def choose_shape(params: DownloadParams, paths: Sequence[str], pool: Executor) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of the images, and print what was chosen and why.

    What is `auto` follows from pictures evenly spread over the paths: the side from their median shorter side, and
    three channels if more than 1% of them have colour. With fit: character or drawing, auto gives MNIST's shape.
    """
    if params.fit in FRAMED or "auto" not in (params.channels, params.image_size):
        grey, height, _ = CHARACTER
        side = _resolve(params.image_size, height)
        return _resolve(params.channels, grey), side, side
    sample = [paths[len(paths) * number // SAMPLE] for number in range(SAMPLE)] if len(paths) > SAMPLE else paths
    look = partial(_look, preprocessing=params.preprocessing())
    looks = [found for found in pool.map(look, sample, chunksize=4) if found]
    middle = median([found.side for found in looks] or SIZES[:1])
    coloured = sum(found.coloured for found in looks)
    nearest = min(SIZES, key=lambda size: abs(math.log(size / middle)))
    size = _resolve(params.image_size, nearest)
    depth = _resolve(params.channels, 3 if coloured > COLOURED * len(looks) else 1)
    looked_at = f"{'a sample of ' if len(sample) < len(paths) else ''}{count('picture', len(looks))}"
    if not looks:
        return depth, size, size  # decoding reports why
    print(
        f"download: images of {size}x{size} pixels in {'colour' if depth == 3 else 'grey'}: of {looked_at},"
        f" {coloured:,} {'has' if coloured == 1 else 'have'} colour, and the median shorter side is {middle:g} pixels"
        " (download.channels and image_size override this)",
        flush=True,
    )
    return depth, size, size


def _resolve(value: int | Literal["auto"], auto: int) -> int:
    return auto if value == "auto" else value


def _look(path: str, preprocessing: Preprocessing) -> _Look | None:
    """Look at a picture; return None if it cannot be read; decoding reports why."""
    try:
        picture = read_picture(path).to_image(preprocessing)
    except UserError:
        return None
    small = fit_picture(picture, "stretch", (3, 32, 32))
    return _Look(min(picture.size), bool((np.ptp(small, axis=0) > SPREAD).mean() > COLOURED))
