from itertools import count as count_up

import numpy as np
import pytest

from benchmarks.drawings import KINDS, NO_LABEL, READABLE, Artist, count, enlarge, ink_of, to_image

IMAGE = np.zeros((28, 28), np.uint8)
IMAGE[5:8, 8:20] = IMAGE[5:23, 17:20] = 255
SEVEN = enlarge(IMAGE, 7)


def draw(kind: str, seed: int = 0) -> tuple[np.ndarray, int]:
    """Return the pixels of a picture, and how many digits it shows."""
    numbers = count_up()
    digits = (SEVEN._replace(label=7 if number % 2 else 1) for number in numbers)
    page = KINDS[kind](Artist(np.random.default_rng(seed), digits))
    return np.asarray(to_image(page)), next(numbers)


@pytest.mark.parametrize("kind", KINDS)
def test_every_readable_kind_shows_one_digit_and_no_other_kind_does(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Artist, "photo", lambda artist, page: page)  # which takes half of the time
    pixels, digits = draw(kind)
    assert (digits == 1) == (kind in READABLE)
    assert (np.ptp(pixels) > 0) == (kind != "blank")


def test_the_seed_decides_what_is_drawn() -> None:
    (one, _), (same, _), (other, _) = (draw("pen on white", seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_strokes_have_the_height_and_the_width_of_the_pen() -> None:
    strokes = ink_of(SEVEN, 200, pen=0.1)
    assert strokes.shape[0] == 200
    assert strokes[150].sum() == pytest.approx(20, abs=3)
    assert ink_of(SEVEN, 200, pen=0.1, widest=50).shape[1] == 50


def test_right_refused_unsure_and_wrong_answers_are_counted() -> None:
    sure, unsure = np.array([0.01, 0.99]), np.array([0.4, 0.6])
    read = [(1, sure), (1, sure), (0, sure), (NO_LABEL, sure), (1, unsure), (0, unsure)]
    assert count([*read, (1, None), (0, None), (NO_LABEL, None)]) == (3, 3, 2, 2)
    assert count([(1, None)]) == (0, 1, 0, 0)
