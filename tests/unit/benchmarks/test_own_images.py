"""The data sets of the benchmark of people's own images."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import own_images
from benchmarks.own_images import DATA_SETS, TEST_FONTS, TRAIN_FONTS, describe, draw_letters, load
from src.common.errors import UserError
from src.download.sources import load_small_digits


def families(fonts: str) -> set[str]:
    """The first word of each font's name, such as DejaVu for DejaVuSans-Bold.ttf."""
    return {match.group() for name in fonts.split() if (match := re.match("[A-Z]+[a-z]+", name))}


def test_no_family_of_fonts_is_in_training_and_test() -> None:
    assert len(families(TRAIN_FONTS)) >= 20
    assert len(families(TEST_FONTS)) > 8
    assert not families(TRAIN_FONTS) & families(TEST_FONTS)


def test_digits_survive_being_written_as_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [data.select(np.arange(100)) for data in load_small_digits()]
    monkeypatch.setattr(own_images, "load_small_digits", lambda: some)
    for written, original in zip(load(DATA_SETS["digits"], tmp_path), some, strict=True):
        one, other = (sorted(image.tobytes() for image in data.images) for data in (written, original))
        assert one == other
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_missing_fonts_are_named_with_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_images, "FONTS", tmp_path)
    with pytest.raises(UserError, match=r"Lato-Bold.ttf not found; run `apt-get install dataset-fashion-mnist"):
        next(draw_letters("Lato-Bold.ttf", 1, seed=0))


def test_a_single_value_has_no_deviation() -> None:
    assert describe([1.0], "{:.2f}") == "1.00"
    assert describe([1.0, 2.0, 3.0], "{:.2f}") == "2.00 ± 1.00"
