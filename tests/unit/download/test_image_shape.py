"""The size and the channels that a folder's images get by themselves."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from src.download.image_shape import SAMPLE, choose_shape
from tests.builders import make_download_params


def write_pictures(folder: Path, count: int, size: tuple[int, int], coloured: int = 0) -> list[str]:
    """Write grey pictures in RGB, of which the last ones have a coloured corner."""
    paths = []
    for number in range(count):
        pixels = np.repeat(np.random.default_rng(number).integers(0, 256, (size[1], size[0], 1), np.uint8), 3, 2)
        if number >= count - coloured:
            pixels[: size[1] // 2, : size[0] // 2] = (200, 40, 40)
        path = folder / f"{number:03}.png"
        Image.fromarray(pixels).save(path)
        paths.append(str(path))
    return paths


def choose(paths: list[str], **changes: Any) -> tuple[int, int, int]:
    with ThreadPoolExecutor() as pool:
        return choose_shape(make_download_params(**changes), paths, pool)


@pytest.mark.parametrize(("side", "expected"), [(8, 28), (29, 28), (38, 32), (41, 48), (64, 64), (79, 96), (300, 96)])
def test_the_size_is_that_nearest_to_the_shorter_side(tmp_path: Path, side: int, expected: int) -> None:
    assert choose(write_pictures(tmp_path, 3, (side + 20, side)), channels=1) == (1, expected, expected)


@pytest.mark.parametrize(("coloured", "channels"), [(0, 1), (1, 1), (2, 3)])
def test_colour_is_kept_if_more_than_one_in_a_hundred_has_it(tmp_path: Path, coloured: int, channels: int) -> None:
    paths = write_pictures(tmp_path, 100, (9, 9), coloured)
    assert choose(paths, image_size=12) == (channels, 12, 12)


def test_the_choice_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choose(write_pictures(tmp_path, 4, (40, 31), coloured=1))
    expected = "images of 32x32 pixels in colour: of 4 pictures, 1 has colour, and the median shorter side is 31 pixels"
    assert expected in capsys.readouterr().out


def test_only_a_sample_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = write_pictures(tmp_path, 1, (30, 30))
    choose([path] * (3 * SAMPLE))
    assert f"in grey: of a sample of {SAMPLE} pictures, 0 have colour" in capsys.readouterr().out


def test_given_values_and_characters_need_no_look_at_the_pictures(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 1, (64, 64), coloured=1)
    assert choose(paths, image_size=20, channels=3) == (3, 20, 20)
    assert choose(paths, fit="character") == (1, 28, 28)
    assert choose(paths, fit="drawing", channels=3) == (3, 28, 28)


def test_unreadable_files_are_left_to_decoding(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert choose([str(tmp_path / "broken.png")]) == (1, 28, 28)
