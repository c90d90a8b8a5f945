import base64
import re

import numpy as np
import pytest

from src.common.sprites import split_sprite_sheet
from src.compare.comparison import compare
from src.compare.page import comparison_page
from src.report.html import sprite_position
from tests.builders import make_result


def make_images(indices: list[int]) -> np.ndarray:
    """Uniform images whose brightness is their index."""
    return np.array(indices, np.uint8)[:, None, None, None] * np.ones((1, 1, 5, 5), np.uint8)


def test_the_sheet_holds_the_fixed_and_then_the_broken_images() -> None:
    comparison = compare(make_result("main", {3, 5, 7}), make_result("mine", {5, 90}), 0.05)
    page = comparison_page(comparison, make_images([3, 5, 7]), make_images([5, 90]))
    (sheet,) = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert split_sprite_sheet(base64.b64decode(sheet), 3)[:, 0, 0, 0].tolist() == [3, 7, 90]
    assert re.findall(r"image (\d+)</span>", page) == ["3", "7", "90"]
    assert "<dd>99.80%<small>before: 99.70%</small>" in page
    assert "No parameter that can change the metrics differs." in page
    positions = [sprite_position(place, 3) for place in range(3)]
    assert re.findall(r"background-position: ([^\"]+)\"", page) == positions


@pytest.mark.parametrize("fixed", [[], [3, 7]])
def test_images_of_another_size_are_fitted_to_those_of_the_newer_side(fixed: list[int]) -> None:
    comparison = compare(make_result("main", {*fixed, 5}), make_result("mine", {5, 90}), 0.05)
    images = make_images([5, 90]).repeat(3, 1).repeat(2, 3)  # RGB, twice as wide
    page = comparison_page(comparison, make_images(sorted({*fixed, 5})), images)
    (sheet,) = re.findall(r"data:image/png;base64,([^\"]+)", page)
    sprites = split_sprite_sheet(base64.b64decode(sheet), len(fixed) + 1)
    assert sprites.shape[1:] == (3, 5, 10)
    assert sprites[:, 0, 0, 0].tolist() == [*fixed, 90]
