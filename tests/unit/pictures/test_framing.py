from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps
from scipy.ndimage import center_of_mass, gaussian_filter, label

from benchmarks.drawings import KINDS, Artist, to_image
from src.common.errors import UserError
from src.pictures.character import MIN_LINES, erase_lines, is_cloth
from src.pictures.framing import frame_character
from src.pictures.strokes import find_rows
from tests.unit.pictures.drawings import SEVEN, SHAPE, draw_seven, from_brightness, ink_distance


def test_the_ink_is_20_pixels_long_and_centred_by_mass() -> None:
    for left in (0, 80):
        image = frame_character(draw_seven(left=left), SHAPE)
        assert image.dtype == np.uint8
        assert (image.shape, image.max()) == (SHAPE, 255)
        rows, columns = (np.flatnonzero(image[0].any(axis)) for axis in (1, 0))
        assert rows[-1] - rows[0] + 1 == 20
        assert columns[-1] - columns[0] + 1 < 20
        assert np.abs(np.subtract(center_of_mass(image[0]), 13.5)).max() <= 0.5


def make_faint(ink: np.ndarray) -> np.ndarray:
    return ink * 0.3 + 0.5


def light_unevenly(ink: np.ndarray) -> np.ndarray:
    """Light the paper by a lamp above one corner."""
    rows, columns = np.indices(ink.shape) / 300
    lit: np.ndarray = ink * (0.25 + 0.75 * np.exp(-5 * (rows**2 + columns**2)))
    return lit


def add_grain(ink: np.ndarray) -> np.ndarray:
    return ink * 0.6 + np.random.default_rng(0).normal(0.2, 0.03, ink.shape)


def invert(ink: np.ndarray) -> np.ndarray:
    return 1 - ink


@pytest.mark.parametrize("change", [make_faint, light_unevenly, add_grain, invert])
def test_paper_and_light_do_not_matter(change: Callable[[np.ndarray], np.ndarray]) -> None:
    assert ink_distance(draw_seven(), from_brightness(change(np.asarray(draw_seven()) / 255))) < 0.15


def test_size_and_colours_do_not_matter() -> None:
    ink = draw_seven()
    navy, wheat = (Image.new("RGB", ink.size, colour) for colour in ("navy", "wheat"))
    for changed in (
        ink.resize((1500, 1300)),
        ink.resize((150, 130)),
        Image.composite(wheat, navy, ink),
        ink.convert("1"),
        ink.convert("P"),
    ):
        assert ink_distance(ink, changed) < 0.15


def test_a_thick_character_that_fills_the_picture_is_not_taken_for_paper() -> None:
    tight = draw_seven(width=60).crop((40, 30, 190, 230))
    ImageDraw.Draw(tight).ellipse((130, 170, 134, 174), fill=0)  # a speck inside
    assert ink_distance(draw_seven(width=60), tight) < 0.3


def test_another_character_looks_different() -> None:
    assert ink_distance(draw_seven(), draw_seven().rotate(180)) > 0.5


def test_a_thin_pen_looks_like_a_thick_one() -> None:
    thin, thick = draw_seven(width=3), draw_seven(width=20)
    assert frame_character(thin, SHAPE).max() > 200
    assert ink_distance(thin, thick) < 0.3


def test_specks_and_distant_blots_are_removed() -> None:
    speckled = draw_seven()
    ImageDraw.Draw(speckled).ellipse((270, 230, 276, 236), fill=0)
    assert ink_distance(draw_seven(), speckled) < 0.05
    plain = put(draw_seven(), (500, 500), 255, (0, 0))
    blotted = plain.copy()
    ImageDraw.Draw(blotted).ellipse((400, 400, 440, 440), fill=0)
    assert ink_distance(plain, blotted) < 0.05


def test_objects_that_reach_in_from_outside_are_removed() -> None:
    on_table = draw_seven()
    ImageDraw.Draw(on_table).rectangle((280, 0, 300, 260), fill=20)
    assert ink_distance(draw_seven(), on_table) < 0.15


def test_an_image_like_those_of_the_training_set_is_not_changed() -> None:
    pixels = np.zeros((28, 28, 3), np.uint8)
    pixels[4:24, 4:24] = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    assert np.array_equal(frame_character(Image.fromarray(pixels), (3, 28, 28)), pixels.transpose(2, 0, 1))
    assert np.array_equal(frame_character(Image.fromarray(pixels[:, :, 0]), SHAPE)[0], pixels[:, :, 0])


def test_a_small_digit_in_a_picture_of_the_training_size_is_framed() -> None:
    image = frame_character(draw_seven(), SHAPE)[0]
    seven = Image.fromarray(image[4:24, 4:24])
    for side, place in ((14, (2, 3)), (14, (7, 7)), (20, (0, 8))):
        picture = put(seven.resize((side, side)), (28, 28), 0, place)
        assert ink_distance(picture, Image.fromarray(image)) < 0.4
        assert not np.array_equal(frame_character(picture, SHAPE)[0], np.asarray(picture))
    for side, place in ((20, (4, 4)), (20, (5, 3)), (24, (0, 4))):
        picture = put(seven.resize((side, side)), (28, 28), 0, place)
        assert np.array_equal(frame_character(picture, SHAPE)[0], np.asarray(picture))


def test_white_paper_in_a_black_frame_is_no_ink() -> None:
    image = Image.fromarray(frame_character(draw_seven(), SHAPE)[0])
    framed = ImageOps.expand(ImageOps.invert(image).resize((26, 26)), 1, fill=0)
    assert ink_distance(framed, image) < 0.4
    bold = Image.new("L", (28, 28))
    ImageDraw.Draw(bold).ellipse((2, 2, 25, 25), outline=255, width=9)
    assert np.median(np.asarray(bold)) == 255  # as of paper
    assert np.array_equal(frame_character(bold, SHAPE)[0], np.asarray(bold))


def test_dark_ink_in_a_picture_of_the_training_size_is_inverted() -> None:
    image = frame_character(draw_seven(), SHAPE)[0]
    assert ink_distance(Image.fromarray(255 - image), Image.fromarray(image)) < 0.2


def test_dark_grey_around_light_ink_in_a_picture_of_the_training_size_becomes_black() -> None:
    image = frame_character(draw_seven(), SHAPE)[0]
    assert ink_distance(Image.fromarray((30 + image * 0.6).astype(np.uint8)), Image.fromarray(image)) < 0.2


def test_the_image_has_the_channels_and_size_of_the_network() -> None:
    assert frame_character(draw_seven(), (3, 32, 40)).shape == (3, 32, 40)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (200, 100)])
def test_empty_paper_is_rejected(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).normal(0.8, 0.02, size[::-1])
    for picture in (Image.new("L", size), from_brightness(noise)):
        with pytest.raises(UserError, match="no ink stands out from the paper"):
            frame_character(picture, SHAPE)


@pytest.mark.parametrize("side", [32, 64])
def test_small_noisy_paper_is_rejected(side: int) -> None:
    rng = np.random.default_rng(side)
    for _ in range(10):
        grain = gaussian_filter(rng.standard_normal((side, side)), 0.7)
        with pytest.raises(UserError, match="the picture must show one"):
            frame_character(from_brightness(0.6 + 0.1 * grain / grain.std()), SHAPE)


def test_hard_edged_drawings_of_any_size_are_read() -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(10):
        side = int(rng.integers(56, 253))
        picture = Image.new("1", (side, side), 1)  # black and white, without grey edges
        points = [(side * x, side * y) for x, y in rng.uniform(0.2, 0.8, (4, 2))]
        ImageDraw.Draw(picture).line(points, fill=0, width=max(2, int(side * rng.uniform(0.04, 0.12))))
        try:
            assert frame_character(picture, SHAPE).max() == 255
        except UserError:
            refused += 1
    assert refused <= 1  # whose strokes lie on each other and make a solid rectangle


def put(picture: Image.Image, size: tuple[int, int], colour: int, box: tuple[int, int]) -> Image.Image:
    """Put a picture on a larger one of one colour."""
    whole = Image.new("L", size, colour)
    whole.paste(picture, box)
    return whole


def rule(picture: Image.Image, colour: int, turn: float = 0, squared: bool = False) -> Image.Image:
    """Draw the picture's dark strokes on lined or squared paper."""
    paper = Image.new("L", (500, 500), 250)
    for place in range(10, 500, 30):
        ImageDraw.Draw(paper).line((0, place, 500, place), fill=colour, width=3)
        if squared:
            ImageDraw.Draw(paper).line((place, 0, place, 500), fill=colour, width=3)
    turned = paper.rotate(turn, Image.Resampling.BICUBIC, fillcolor=250).crop((100, 100, 400, 360))
    return ImageChops.darker(turned, picture)


def draw_grid(picture: Image.Image, spacing: int, colour: int, width: int = 3) -> None:
    size = max(picture.size)
    for place in range(20, size, spacing):
        for line in ((0, place, size, place), (place, 0, place, size)):
            ImageDraw.Draw(picture).line(line, fill=colour, width=width)


SEVEN_PIXELS = draw_seven()


@pytest.mark.parametrize(
    "picture",
    [
        put(SEVEN_PIXELS, (500, 460), 50, (100, 100)),  # a sheet with a desk on four sides
        put(SEVEN_PIXELS, (500, 260), 50, (100, 0)),  # on two
        put(SEVEN_PIXELS, (400, 360), 50, (100, 100)),  # on the left and at the top
        put(SEVEN_PIXELS, (500, 460), 170, (100, 100)),  # a paler one
        put(SEVEN_PIXELS, (304, 264), 0, (2, 2)),  # a margin of two pixels
        put(SEVEN_PIXELS, (302, 262), 0, (1, 1)),  # a frame
        put(put(SEVEN_PIXELS, (302, 262), 0, (1, 1)), (402, 362), 255, (50, 50)),  # a frame on paper
        put(SEVEN_PIXELS.point(lambda value: 255 - value), (500, 460), 255, (100, 100)),  # light ink on a dark card
        put(SEVEN_PIXELS.resize((75, 65)), (2000, 1500), 255, (600, 900)),  # small, on a large page
    ],
)
def test_what_surrounds_the_sheet_is_not_ink(picture: Image.Image) -> None:
    assert ink_distance(SEVEN_PIXELS, picture) < 0.35


def lay_on_cloth(sheet: Image.Image, period: float, angle: float, checked: bool) -> Image.Image:
    """Lay a sheet on a cloth with stripes or checks, whose light parts are as bright as the sheet."""
    rows, columns = np.indices((520, 600))
    along, across = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    dark = np.sin((rows * along + columns * across) * 2 * np.pi / period) > 0
    if checked:
        dark ^= np.sin((columns * along - rows * across) * 2 * np.pi / period) > 0
    picture = Image.fromarray(np.where(dark, 80, 255).astype(np.uint8))
    picture.paste(sheet, (150, 130))
    return picture


@pytest.mark.parametrize(("period", "angle", "checked"), [(40, 20, False), (70, 65, False), (60, 40, True)])
def test_the_light_parts_of_a_cloth_do_not_belong_to_the_sheet(period: float, angle: float, checked: bool) -> None:
    assert ink_distance(SEVEN_PIXELS, lay_on_cloth(SEVEN_PIXELS, period, angle, checked)) < 0.1


def test_specks_at_the_border_are_no_cloth() -> None:
    marks = np.zeros((60, 60), bool)
    marks[0, ::3] = True
    assert not is_cloth(marks)
    marks[:, ::6] = marks[30] = True  # stripes, joined by the sheet
    assert is_cloth(marks)


def test_stripes_that_leave_the_picture_are_no_strokes() -> None:
    with pytest.raises(UserError, match="no ink"):  # the stripes are as wide as the paper beside the character
        frame_character(lay_on_cloth(SEVEN_PIXELS, 80, 65, checked=False), SHAPE)


@pytest.mark.parametrize(("width", "colour"), [(6, 150), (10, 110)])
@pytest.mark.parametrize(("turn", "squared"), [(0, False), (0, True), (2, True), (4, True)])
def test_the_lines_of_paper_are_erased(width: int, colour: int, turn: float, squared: bool) -> None:
    seven = draw_seven(width=width)
    assert ink_distance(seven, rule(seven, colour, turn, squared)) < 0.11


@pytest.mark.parametrize("place", [(45, 110), (130, 135), (200, 100)])  # on the bar, and on the long stroke
def test_a_stroke_fades_under_the_reflection_of_a_lamp(place: tuple[int, int]) -> None:
    seven = draw_seven()
    rows, columns = np.indices((260, 300))
    light = 0.75 * np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / (2 * 40**2))
    pixels = np.asarray(seven) / 255
    assert ink_distance(seven, from_brightness(pixels + light * (1 - pixels))) < 0.15


def test_light_lines_across_darker_paper_are_erased() -> None:
    plain, tiled = (Image.new("L", (300, 260), 155) for _ in range(2))
    draw_grid(tiled, 40, 235, 4)
    plain, tiled = (ImageChops.darker(picture, draw_seven(width=10)) for picture in (plain, tiled))
    assert ink_distance(plain, tiled) < 0.11


def test_lines_as_dark_as_the_ink_are_erased_but_not_a_thicker_pen() -> None:
    assert ink_distance(SEVEN_PIXELS, rule(SEVEN_PIXELS, 0, squared=True)) < 0.2


def test_only_several_lines_across_the_picture_are_erased() -> None:
    strokes, two_lines = (Image.new("L", (256, 220), 255) for _ in range(2))
    for place in range(40, 200, 30):
        ImageDraw.Draw(strokes).line((30, place, 220, place), fill=0, width=3)
    for place in (40, 100):
        ImageDraw.Draw(two_lines).line((0, place, 256, place), fill=150, width=3)
    rng = np.random.default_rng(0)
    grains = [from_brightness(0.8 + deviation * rng.standard_normal((220, 256))) for deviation in (0.02, 0.05, 0.1)]
    for picture in (strokes, two_lines, draw_seven(), *grains):
        grey = np.asarray(picture) / 255
        assert np.array_equal(erase_lines(grey, MIN_LINES), grey)


def test_a_long_stroke_along_a_line_of_squared_paper_is_kept() -> None:
    plain, squared = (Image.new("L", (400, 400), 245) for _ in range(2))
    draw_grid(squared, 60, 190)
    for picture in (plain, squared):
        ImageDraw.Draw(picture).line((140, 120, 200, 60, 200, 330), fill=30, width=10)
    assert ink_distance(plain, squared) < 0.2


@pytest.mark.parametrize(("spacing", "drop"), [(10, 15), (14, 18)])
def test_slanting_lines_close_together_are_erased(spacing: int, drop: int) -> None:
    paper = Image.new("L", (256, 205), 245)
    for place in range(-20, 220, spacing):
        ImageDraw.Draw(paper).line((0, place, 256, place + drop), fill=190, width=2)
    assert erase_lines(np.asarray(paper) / 255, MIN_LINES)[10:-10].min() > 0.9


def test_lines_near_a_small_character_are_erased() -> None:
    plain, squared = (Image.new("L", (1000, 1000), 245) for _ in range(2))
    draw_grid(squared, 50, 120)
    for picture in (plain, squared):
        ImageDraw.Draw(picture).line((440, 440, 500, 440, 460, 530), fill=10, width=8)
    assert ink_distance(plain, squared) < 0.05


def test_level_strokes_between_lines_are_kept() -> None:
    plain, lined = (Image.new("L", (600, 480), 245) for _ in range(2))
    for place in range(40, 480, 100):
        ImageDraw.Draw(lined).line((0, place, 600, place), fill=10, width=2)
    for picture in (plain, lined):
        ImageDraw.Draw(picture).line((270, 260, 315, 260, 285, 320), fill=30, width=6)
    assert ink_distance(plain, lined) < 0.1


@pytest.mark.parametrize(("blur", "size"), [(2, (16, 24)), (2, (28, 42)), (4, (90, 130))])
def test_a_small_picture_may_be_cropped_to_the_character(blur: int, size: tuple[int, int]) -> None:
    picture = print_letter("8", (400, 400), (140, 80), bold=True).filter(ImageFilter.GaussianBlur(blur))
    ink = ImageChops.invert(picture).point(lambda value: 255 * (value > 100))
    cropped = picture.crop(ink.getbbox()).resize(size)
    assert ink_distance(ImageOps.expand(cropped, 60, 245), cropped) < 0.2


@pytest.mark.parametrize("side", [12, 40, 100])
def test_small_shaded_paper_is_rejected(side: int) -> None:
    grain = 0.03 * np.random.default_rng(0).standard_normal((side, side))
    with pytest.raises(UserError, match="the picture must show one"):
        frame_character(from_brightness(np.linspace(0.2, 0.8, side) + grain), SHAPE)


def test_lines_at_the_border_of_a_small_picture_are_left_out() -> None:
    plain = Image.new("L", (90, 80), 245)
    ImageDraw.Draw(plain).line((35, 25, 55, 25, 42, 58), fill=20, width=5)
    cell = plain.copy()
    ImageDraw.Draw(cell).line((5, 0, 5, 80), fill=90, width=2)
    ImageDraw.Draw(cell).line((0, 73, 90, 73), fill=90, width=2)
    assert ink_distance(plain, cell) < 0.3


def test_three_lines_are_erased() -> None:
    plain = Image.new("L", (240, 170), 245)
    ImageDraw.Draw(plain).line((90, 40, 140, 40, 105, 135), fill=20, width=12)
    lined = plain.copy()
    for place in (25, 70, 115):
        ImageDraw.Draw(lined).line((0, place, 240, place), fill=110, width=3)
    assert ink_distance(plain, lined) < 0.3


def test_a_row_of_small_digits_is_no_dashed_line() -> None:
    picture = put(draw_seven(), (600, 600), 255, (150, 50))
    for left in range(100, 480, 70):
        ImageDraw.Draw(picture).line((left, 350, left + 40, 350, left + 15, 410), fill=0, width=10)
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


def test_a_bold_1_in_a_strip_of_paper_is_no_sheet() -> None:
    strip = Image.new("L", (160, 500), 245)
    ImageDraw.Draw(strip).rectangle((30, 20, 130, 480), fill=20)
    assert frame_character(strip, SHAPE)[0].any(1).sum() == 20


def test_a_strip_of_paper_may_be_long() -> None:
    strip = Image.new("L", (1200, 200), 245)
    ImageDraw.Draw(strip).line((500, 60, 550, 60, 520, 140), fill=40, width=10)
    assert ink_distance(strip.crop((400, 0, 700, 200)), strip) < 0.3


def test_a_row_between_two_lines_may_be_long() -> None:
    plain, row = (Image.new("L", (600, 130), 245) for _ in range(2))
    for place in (8, 118):
        ImageDraw.Draw(row).line((0, place, 600, place), fill=110, width=3)
    for picture in (plain, row):
        ImageDraw.Draw(picture).line((250, 35, 295, 35, 265, 95), fill=20, width=6)
    assert ink_distance(plain, row) < 0.1


def test_pictures_without_a_single_character_are_refused() -> None:
    blank = Image.new("L", (300, 260), 255)
    lined, squared = rule(blank, 150), rule(blank, 100, turn=1, squared=True)
    several = Image.new("L", (900, 260), 255)
    for left in (0, 300, 600):
        several.paste(SEVEN_PIXELS, (left, 0))
    empty = put(Image.new("L", (300, 260), 245), (500, 460), 60, (100, 100))
    solid = put(Image.new("L", (120, 100), 0), (300, 260), 255, (80, 80))
    for picture in (lined, squared, empty, solid, several):
        with pytest.raises(UserError, match="the picture must show one"):
            frame_character(picture, SHAPE)


@pytest.mark.parametrize("seed", [11, 25])
def test_the_edge_of_a_desk_is_no_shadow(seed: int) -> None:
    page = KINDS["empty sheet on a desk"](Artist(np.random.default_rng(seed), iter(())))
    with pytest.raises(UserError, match="no ink stands out from the paper"):
        frame_character(to_image(page), SHAPE)


@pytest.mark.parametrize("brightness", [0, 20, 255])
def test_an_empty_picture_of_the_training_size_is_rejected(brightness: int) -> None:
    with pytest.raises(UserError, match="no ink stands out from the paper"):
        frame_character(Image.new("L", (28, 28), brightness), SHAPE)


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        pytest.param("line", [(130, 360, 330, 366)], id="short"),
        pytest.param("line", [(20, 372, 480, 364)], id="long"),
        pytest.param("line", [(110, 350, 350, 356), (110, 372, 350, 374)], id="double"),
        pytest.param("line", [(165, 345, 285, 345), (165, 367, 285, 365)], id="narrow"),
        pytest.param("line", [(120, 345, 350, 385)], id="slanted"),
        pytest.param("line", [(20, 332, 470, 328)], id="close"),
        pytest.param("line", [(20, 110, 480, 104)], id="above"),
        pytest.param("line", [(80, 40, 84, 440)], id="beside"),
        pytest.param("line", [(240, 460, 440, 130)], id="pen"),
        pytest.param("arc", [(40, 40, 460, 460)], id="circle"),
        pytest.param("arc", [(50, 90, 450, 410)], id="wide"),
        pytest.param("arc", [(60, 60, 410, 440)], id="high"),
        pytest.param("line", [(410, 70, 110, 70, 110, 400, 405, 400, 405, 85)], id="box"),
    ],
)
def test_lines_and_what_is_drawn_around_a_character_are_left_out(shape: str, points: list[tuple[int, ...]]) -> None:
    picture = put(draw_seven(), (500, 500), 255, (120, 110))
    marked = picture.copy()
    for place in points:
        if shape == "line":
            ImageDraw.Draw(marked).line(place, fill=0, width=8)
        else:
            ImageDraw.Draw(marked).arc(place, 20, 365, fill=0, width=8)
    assert ink_distance(picture, marked) < 0.1


def test_a_row_of_dashes_is_no_accent() -> None:
    picture = put(draw_seven(), (500, 500), 255, (120, 110))
    marked = picture.copy()
    for left in range(130, 350, 30):
        ImageDraw.Draw(marked).line((left, 100, left + 16, 100), fill=0, width=16)
    assert ink_distance(picture, marked) < 0.1


@pytest.mark.parametrize(
    ("longest", "number", "upright", "expected"),
    [
        ([[100, 160], [0, 30]], 5, False, True),
        ([[0, 30], [100, 160]], 5, True, True),
        ([[60, 120], [0, 30]], 4, False, False),
        ([[100, 118], [0, 18]], 5, False, False),  # so small that the dashes could be characters, too
        ([[0, 100], [0, 100]], 5, False, False),  # around them
    ],
)
def test_a_row_has_five_small_similar_marks(
    longest: list[list[int]], number: int, upright: bool, expected: bool
) -> None:
    dashes = [[[50, 56], [start, start + 10]] for start in range(10, 10 + 15 * number, 15)]
    boxes = np.array([longest, *(dash[::-1] if upright else dash for dash in dashes), [[20, 22], [80, 98]]])
    for solid in (np.ones(len(boxes), bool), np.zeros(len(boxes), bool)):
        assert find_rows(boxes, solid).tolist() == [False, *[expected] * number, False]


@pytest.mark.parametrize(("number", "gap", "expected"), [(3, 30, True), (2, 30, False), (3, 20, False)])
def test_three_solid_marks_apart_from_the_character_are_a_row(number: int, gap: int, expected: bool) -> None:
    blocks = [[[100 + gap, 120 + gap], [start, start + 10]] for start in range(0, 30 * number, 30)]
    boxes = np.array([[[0, 100], [0, 60]], *blocks])
    assert find_rows(boxes, np.ones(len(boxes), bool)).tolist() == [False, *[expected] * number]
    assert not find_rows(boxes, np.zeros(len(boxes), bool)).any()
    beside = np.array([[[0, 100], [0, 60]], *([[40, 60], [100 + start, 110 + start]] for _, (start, _) in blocks)])
    assert not find_rows(beside, np.ones(len(boxes), bool)).any()  # may be ones


def test_a_word_below_is_no_accent() -> None:
    picture = put(draw_seven(), (500, 500), 255, (120, 110))
    marked = picture.copy()
    for left, width in ((176, 16), (200, 30), (238, 16), (262, 30)):
        ImageDraw.Draw(marked).rectangle((left, 350, left + width, 368), fill=0)
    assert ink_distance(picture, marked) < 0.1


def test_a_word_on_another_sheet_is_no_character() -> None:
    picture = Image.new("L", (900, 500), 60)
    for left in (30, 470):
        ImageDraw.Draw(picture).rectangle((left, 40, left + 400, 460), fill=245)
    ImageDraw.Draw(picture).line((150, 140, 290, 140, 200, 360), fill=20, width=20)
    alone = picture.copy()
    word = [(580 + 15 * step, 250 - 40 * (step % 2)) for step in range(13)]
    ImageDraw.Draw(picture).line(word, fill=20, width=6)
    assert ink_distance(alone, picture) < 0.1


def test_the_outline_of_a_6_is_no_circle_around_its_hole() -> None:
    picture = Image.new("L", (500, 500), 245)
    outline = [(180, 50), (240, 50), (210, 250), (350, 260), (360, 440), (150, 450), (120, 250), (180, 50)]
    ImageDraw.Draw(picture).line(outline, fill=20, width=8)
    ImageDraw.Draw(picture).ellipse((200, 300, 270, 390), outline=20, width=8)
    framed = frame_character(picture, SHAPE)[0]
    assert np.ptp(np.flatnonzero(framed.any(1))) > 1.4 * np.ptp(np.flatnonzero(framed.any(0)))


def test_a_bent_character_in_a_large_circle_is_not_its_dot() -> None:
    picture = Image.new("L", (500, 500), 245)
    ImageDraw.Draw(picture).line((225, 210, 270, 210, 240, 270), fill=20, width=6)
    marked = picture.copy()
    ImageDraw.Draw(marked).ellipse((130, 120, 370, 360), outline=20, width=6)
    assert ink_distance(picture, marked) < 0.1


def test_a_circle_far_from_a_small_character_is_left_out() -> None:
    picture = put(draw_seven(), (1000, 1000), 255, (320, 310))
    marked = picture.copy()
    ImageDraw.Draw(marked).ellipse((270, 260, 620, 640), outline=0, width=12)
    assert ink_distance(picture, marked) < 0.2


@pytest.mark.parametrize("size", [500, 1000])
def test_a_line_may_touch_the_character(size: int) -> None:
    picture = put(draw_seven(), (size, size), 255, (120, 110))
    ImageDraw.Draw(picture).line((20, 322, 470, 318), fill=0, width=8)
    image = frame_character(picture, SHAPE)[0]
    assert image[-8:].any(0).sum() < 8 < image[:10].any(0).sum()  # as in a seven, and not the other way round


@pytest.mark.parametrize("colour", [150, 200])
def test_a_faint_line_from_the_border_hides_no_character(colour: int) -> None:
    picture = Image.new("L", (600, 400), 240)
    ImageDraw.Draw(picture).line((340, 170, 600, 230), fill=colour, width=3)
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 120)
    ImageDraw.Draw(picture).text((300, 200), "2   7", 20, font, "mm")
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


def test_characters_in_boxes_of_their_own_are_several() -> None:
    picture = Image.new("L", (500, 200), 245)
    for left in (30, 180, 330):
        ImageDraw.Draw(picture).rectangle((left, 30, left + 120, 170), outline=110, width=3)
        ImageDraw.Draw(picture).line((left + 35, 60, left + 93, 60, left + 55, 140), fill=20, width=8)
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


def test_many_marks_are_several_characters() -> None:
    picture = Image.new("L", (400, 400), 245)
    for row in range(20, 380, 60):
        for column in range(20, 380, 60):
            ImageDraw.Draw(picture).arc((row, column, row + 40, column + 40), 60, 300, fill=20, width=6)
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


@pytest.mark.parametrize(
    "places",
    [
        [(60, 60), (90, 290)],
        [(60, 60), (60, 600)],
        [(60, 60), (60, 340), (60, 640)],
        [(60, 60), (230, 90), (60, 280), (230, 310)],
        [(60, 60), (420, 380)],
    ],
    ids=["close", "far", "three", "four", "diagonal"],
)
def test_characters_above_each_other_are_several(places: list[tuple[int, int]]) -> None:
    seven = draw_seven()
    ink = seven.crop(ImageChops.invert(seven).getbbox())
    picture = Image.new("L", (700, 900), 255)
    for place in places:
        picture.paste(ink, place)
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


@pytest.mark.parametrize(("gap", "lower"), [(15, 0), (30, 0), (15, 32), (15, -32)])
def test_a_1_closely_beside_another_character_is_another_one(gap: int, lower: int) -> None:
    seven = draw_seven()
    picture = put(seven, (500, 400), 255, (0, 0))
    ImageDraw.Draw(picture).line((185 + gap, 45 + lower, 185 + gap, 210 + lower), fill=0, width=24)
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


def test_a_1_beside_a_smaller_character_is_another_one() -> None:
    picture = Image.new("L", (500, 400), 255)
    ImageDraw.Draw(picture).line((130, 100, 120, 320), fill=0, width=20)
    ImageDraw.Draw(picture).ellipse((165, 188, 264, 320), outline=0, width=16)
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


@pytest.mark.parametrize("place", [60, 110])
def test_a_line_across_an_empty_page_is_no_1(place: int) -> None:
    picture = Image.new("L", (450, 600), 245)
    ImageDraw.Draw(picture).rectangle((place, 0, place + 3, 599), fill=90)
    with pytest.raises(UserError, match="the picture must show one character"):
        frame_character(picture, SHAPE)


@pytest.mark.parametrize(
    "parts",
    [
        [[(60, 60), (50, 220), (150, 220)], [(170, 90), (165, 280)]],
        [
            [(120, 40), (80, 80), (70, 160), (80, 240), (120, 280)],
            [(150, 40), (190, 80), (200, 160), (190, 240), (150, 280)],
        ],
    ],
    ids=["4", "0"],
)
def test_the_parts_of_an_open_character_may_lie_side_by_side(parts: list[list[tuple[int, int]]]) -> None:
    picture = Image.new("L", (300, 330), 255)
    for points in parts:
        ImageDraw.Draw(picture).line(points, fill=0, width=10, joint="curve")
    columns = np.flatnonzero(frame_character(picture, SHAPE)[0].any(0))
    assert np.ptp(columns) > 8


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        ((80, 40, 180, 40, 110, 230), {"loop": (200, 40, 236, 90)}),
        ((80, 40, 180, 40, 110, 230), {"loop": (200, 10, 236, 60)}),
        ((80, 40, 180, 40, 110, 230), {"line": (200, 40, 240, 40, 215, 100)}),
        ((80, 40, 180, 40, 110, 230), {"line": (225, 40, 218, 130)}),
        ((150, 40, 110, 230), {"loop": (170, 40, 210, 100)}),
        ((150, 40, 110, 230), {"line": (170, 40, 220, 40, 190, 110)}),
        ((150, 40, 145, 230), {"loop": (170, 170, 210, 230)}),
    ],
    ids=["7, loop", "7, loop above", "7, bent", "7, 1", "1, loop", "1, bent", "upright 1, loop"],
)
def test_a_smaller_character_beside_another_one_is_not_ignored(
    larger: tuple[int, ...], smaller: dict[str, tuple[int, ...]]
) -> None:
    picture = Image.new("L", (400, 300), 255)
    ImageDraw.Draw(picture).line(larger, fill=0, width=12)
    if "line" in smaller:
        ImageDraw.Draw(picture).line(smaller["line"], fill=0, width=10)
    else:
        ImageDraw.Draw(picture).ellipse(smaller["loop"], outline=0, width=10)
    with pytest.raises(UserError, match="several characters"):
        frame_character(picture, SHAPE)


def test_a_slanted_1_with_a_full_stop_is_no_pen() -> None:
    picture = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(picture).line((170, 40, 110, 250), fill=0, width=20)
    dotted = picture.copy()
    ImageDraw.Draw(dotted).ellipse((165, 222, 193, 250), fill=0)
    assert ink_distance(picture, dotted) < 0.5


def test_the_parts_of_a_broken_character_may_lie_apart() -> None:
    picture = put(draw_seven(), (500, 500), 255, (120, 110))
    broken = picture.copy()
    ImageDraw.Draw(broken).rectangle((0, 225, 500, 232), fill=255)
    assert ink_distance(picture, broken) < 0.1


@pytest.mark.parametrize("colour", [60, 230])
@pytest.mark.parametrize(
    "points", [(560, 40, 570, 460), (540, 20, 580, 150, 550, 300, 590, 470)], ids=["pencil", "cable"]
)
def test_what_lies_beside_a_sheet_does_not_count(colour: int, points: tuple[int, ...]) -> None:
    sheet = put(draw_seven(), (500, 460), 240, (120, 110))
    picture = Image.new("L", (620, 500), 110)
    picture.paste(sheet, (20, 20))
    marked = picture.copy()
    ImageDraw.Draw(marked).line(points, fill=colour, width=14)
    assert ink_distance(sheet, marked) < 0.1


@pytest.mark.parametrize("turn", [0, 4])
def test_a_coloured_heading_does_not_count(turn: float) -> None:
    picture = put(draw_seven(width=12), (500, 600), 255, (120, 260))
    marked = picture.copy()
    ImageDraw.Draw(marked).rectangle((40, 40, 460, 120), fill=120)
    pages = [page.rotate(turn, Image.Resampling.BICUBIC, fillcolor=255) for page in (picture, marked)]
    assert ink_distance(*pages) < 0.3


@pytest.mark.parametrize("half", [70, 85])
def test_a_band_of_a_highlighter_behind_the_character_does_not_count(half: int) -> None:
    plain, marked = Image.new("L", (500, 400), 245), Image.new("L", (500, 400), 245)
    ImageDraw.Draw(marked).rectangle((100, 200 - half, 400, 200 + half), fill=180)
    for picture in (plain, marked):
        ImageDraw.Draw(picture).line([(x + 140, y + 70) for x, y in SEVEN], fill=40, width=18, joint="curve")
    assert ink_distance(plain, marked) < 0.35


def test_a_bar_may_belong_to_the_character() -> None:
    picture = Image.new("L", (260, 330), 255)
    ImageDraw.Draw(picture).line((10, 20, 250, 20), fill=0, width=20)
    ImageDraw.Draw(picture).line((240, 42, 90, 320), fill=0, width=20)
    assert frame_character(picture, SHAPE).any((0, 1)).sum() > 13  # as wide as the bar


@pytest.mark.parametrize("colour", [60, 150])
@pytest.mark.parametrize("sides", [6, 90], ids=["hexagon", "disc"])
@pytest.mark.parametrize("points", [SEVEN, [(110, 60), (100, 200)]], ids=["seven", "one"])
def test_a_disc_around_a_character_does_not_count(points: list[tuple[int, int]], sides: int, colour: int) -> None:
    sheet, disc = Image.new("L", (600, 500), 240), Image.new("L", (600, 500), colour)
    ImageDraw.Draw(disc).regular_polygon((300, 250, 220), sides, fill=240)
    for picture in (sheet, disc):
        ImageDraw.Draw(picture).line([(x + 200, y + 120) for x, y in points], fill=20, width=24, joint="curve")
    assert ink_distance(sheet, disc) < 0.1


DISC = [(220 * np.cos(angle), 220 * np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 90)]
OVAL = [(x, 0.8 * y) for x, y in DISC]
CLOUD = [(x * (1 + number % 10 / 60), 0.8 * y * (1 + number % 10 / 60)) for number, (x, y) in enumerate(DISC)]
TORN = [(x * (0.86 + 0.14 * (number % 3 > 0)), y) for number, (x, y) in enumerate(DISC)]


@pytest.mark.parametrize("colour", [60, 150])
@pytest.mark.parametrize(
    ("outline", "text", "font"),
    [(DISC, "8", "-Bold"), (OVAL, "8", "-Bold"), (CLOUD, "l", ""), (TORN, "7", ""), (TORN, "2", "")],
)
def test_paper_of_any_shape_does_not_count(
    outline: list[tuple[float, float]], text: str, font: str, colour: int
) -> None:
    path = Path(matplotlib.get_data_path(), f"fonts/ttf/DejaVuSans{font}.ttf")
    sheet, paper = Image.new("L", (600, 500), 240), Image.new("L", (600, 500), colour)
    ImageDraw.Draw(paper).polygon([(300 + x, 250 + y) for x, y in outline], fill=240)
    for picture in (sheet, paper):
        ImageDraw.Draw(picture).text((300, 250), text, 20, ImageFont.truetype(path, 200), "mm")
    assert ink_distance(sheet, paper) < 0.1


@pytest.mark.parametrize("width", [0, 10, 20])
@pytest.mark.parametrize("narrow", [0, 80])
def test_the_hole_of_a_thick_zero_is_no_ink(narrow: int, width: int) -> None:
    picture = Image.new("L", (500, 500), 245)
    ImageDraw.Draw(picture).ellipse((50 + narrow, 60, 450 - narrow, 440), outline=20, width=75)
    if width:  # of a slash
        ImageDraw.Draw(picture).line((210, 340, 290, 160), fill=20, width=width)
    image = frame_character(picture, SHAPE)[0]
    assert image[14].argmax() < 10
    assert image[14, 14] < 255 or width


def test_the_ink_of_a_second_sheet_does_not_count() -> None:
    sheet = put(draw_seven(), (500, 460), 240, (120, 110))
    picture = Image.new("L", (900, 500), 110)
    picture.paste(sheet, (20, 20))
    ImageDraw.Draw(picture).rectangle((540, 20, 880, 480), fill=230)
    ImageDraw.Draw(picture).arc((700, 200, 780, 260), 0, 300, fill=20, width=8)
    assert ink_distance(sheet, picture) < 0.1


def test_a_label_on_the_sheet_does_not_count() -> None:
    picture = put(draw_seven(), (500, 500), 240, (60, 180))
    marked = picture.copy()
    ImageDraw.Draw(marked).rectangle((350, 20, 480, 130), fill=150)
    ImageDraw.Draw(marked).line((380, 50, 440, 100), fill=20, width=8)
    assert ink_distance(picture, marked) < 0.1


@pytest.mark.parametrize("width", [16, 24, 32])
def test_a_zero_that_looks_like_a_frame_keeps_its_hole(width: int) -> None:
    picture = Image.new("L", (400, 400), 245)
    ImageDraw.Draw(picture).rounded_rectangle((140, 80, 260, 320), radius=50, outline=20, width=width)
    image = frame_character(picture, SHAPE)[0]
    assert image[14, 14] == 0
    assert image[14].max() > 200


def test_only_a_frame_is_rejected_as_such() -> None:
    picture = Image.new("L", (400, 400), 245)
    ImageDraw.Draw(picture).rectangle((100, 80, 300, 320), outline=20, width=10)
    with pytest.raises(UserError, match="only frames, sheets or blots stand out"):
        frame_character(picture, SHAPE)


def print_letter(
    letter: str, size: tuple[int, int], place: tuple[int, int], bold: bool = False, height: int = 200
) -> Image.Image:
    """Print a letter on a page."""
    picture = Image.new("L", size, 245)
    font = Path(matplotlib.get_data_path(), f"fonts/ttf/DejaVuSans{'-Bold' if bold else ''}.ttf")
    ImageDraw.Draw(picture).text(place, letter, font=ImageFont.truetype(font, height), fill=20)
    return picture


@pytest.mark.parametrize("height", [100, 130, 200, 300])
def test_the_holes_of_a_bold_8_are_no_ink(height: int) -> None:
    image = frame_character(print_letter("8", (640, 480), (250, 60), bold=True, height=height), SHAPE)[0]
    assert label(image < 128)[1] == 3  # two holes, and what is around the 8


@pytest.mark.parametrize(
    ("font", "letter", "bolder"),
    [("DejaVuSansMono-Bold", "0", 0), ("DejaVuSerif-Bold", "O", 24), ("DejaVuSerif-Bold", "&", 12)],
)
def test_bold_characters_are_no_paper(font: str, letter: str, bolder: int) -> None:
    picture = Image.new("L", (480, 480), 245)
    path = Path(matplotlib.get_data_path(), f"fonts/ttf/{font}.ttf")
    ImageDraw.Draw(picture).text((240, 240), letter, 20, ImageFont.truetype(path, 300), "mm", stroke_width=bolder)
    rows, columns = (np.ptp(np.flatnonzero((np.asarray(picture) < 128).any(axis))) for axis in (1, 0))
    image = frame_character(picture, SHAPE)[0]
    framed = np.ptp(np.flatnonzero(image.any(1))) / np.ptp(np.flatnonzero(image.any(0)))
    assert framed == pytest.approx(rows / columns, rel=0.15)


@pytest.mark.parametrize(("letter", "parts"), [("Ö", 3), ("i", 2), ("?", 2), ("j", 2), ("Ä", 3)])
@pytest.mark.parametrize("bold", [False, True])
def test_dots_and_accents_belong_to_a_character(letter: str, parts: int, bold: bool) -> None:
    image = frame_character(print_letter(letter, (400, 400), (140, 80), bold), (1, 56, 56))[0]
    assert label(image > 100, np.ones((3, 3)))[1] == parts


@pytest.mark.parametrize("letter", ["B", "D", "g", "5", "i"])
def test_printed_letters_are_no_frames(letter: str) -> None:
    assert frame_character(print_letter(letter, (400, 400), (140, 80)), SHAPE).max() > 200


def test_a_bold_stroke_with_a_narrow_margin_is_no_hole() -> None:
    picture = Image.new("L", (100, 100), 245)
    ImageDraw.Draw(picture).rectangle((35, 5, 64, 94), fill=20)
    assert frame_character(picture, SHAPE)[0].any(1).sum() == 20


def test_a_short_thick_stroke_is_no_sheet_and_a_speck_on_a_sheet_no_character() -> None:
    picture = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(picture).rectangle((100, 100, 123, 150), 0)
    assert np.ptp(np.argwhere(frame_character(picture, SHAPE)[0] > 127), 0)[0] == 19
    picture = Image.new("L", (256, 256), 90)
    ImageDraw.Draw(picture).rectangle((60, 60, 190, 190), 240)
    ImageDraw.Draw(picture).ellipse((120, 120, 126, 127), 20)
    with pytest.raises(UserError, match="only frames, sheets or blots"):
        frame_character(picture, SHAPE)


def test_specks_beside_a_cropped_character_are_no_frames() -> None:
    picture = print_letter("8", (400, 400), (140, 80), bold=True)
    picture = picture.crop((158, 122, 260, 268))  # into the strokes
    ImageDraw.Draw(picture).point([(2, 2), (99, 3), (3, 140)], fill=20)
    assert frame_character(picture, SHAPE)[0].any(1).sum() == 20
    blank = Image.new("L", (400, 400), 245)
    ImageDraw.Draw(blank).rectangle((50, 50, 53, 53), fill=20)
    with pytest.raises(UserError, match="no ink stands out"):
        frame_character(blank, SHAPE)


@pytest.mark.parametrize(
    "strokes",
    [
        {"line": [((130, 160, 270, 160), 14), ((100, 240, 300, 240), 14)]},  # the Chinese two
        {"arc": [((100, 100, 300, 300), 14)], "line": [((200, 160, 200, 240), 12)]},  # a C with a stroke inside
        {"ellipse": [((140, 60, 260, 190), 14), ((130, 200, 270, 340), 14)]},  # an 8 in two loops
        {"ellipse": [((130, 60, 270, 340), 14)], "line": [((160, 245, 240, 155), 12)]},  # a 0 with a slash
        {"ellipse": [((130, 60, 270, 340), 14), ((180, 180, 220, 220), 20)]},  # a 0 with a dot
        {"ellipse": [((185, 80, 215, 110), 14)], "line": [((200, 150, 200, 340), 14)]},  # an i
        {"line": [((80, 150, 250, 150), 10), ((250, 150, 200, 270), 10)]},  # a wide 7
        {"line": [((130, 100, 80, 200), 10), ((50, 200, 300, 200), 10), ((230, 120, 230, 260), 10)]},  # a wide 4
        {"ellipse": [((120, 60, 220, 150), 14)], "line": [((245, 70, 245, 290), 14)]},  # a 9 whose stem is apart
        {"arc": [((60, 170, 260, 340), 16)], "line": [((150, 120, 300, 100), 14)]},  # a 5 whose bar is apart
        {"ellipse": [((120, 60, 220, 150), 14)], "line": [((265, 120, 130, 290), 14)]},  # a 9 whose tail is apart
        {"ellipse": [((100, 40, 170, 120), 12)], "line": [((195, 40, 120, 260), 12)]},  # a 9 with a longer one
        {"ellipse": [((130, 155, 200, 240), 12)], "line": [((165, 40, 95, 240), 12)]},  # a 6 whose stem is apart
        {"ellipse": [((118, 155, 190, 242), 12)], "line": [((110, 40, 105, 245), 12)]},  # an upright 6
    ],
    ids=[
        *("two", "cent", "eight", "zero", "dotted", "i", "wide 7", "wide 4"),
        *("stem", "five", "nine", "long 9", "six", "upright 6"),
    ],
)
def test_all_strokes_of_a_character_are_kept(strokes: dict[str, list[tuple[tuple[int, ...], int]]]) -> None:
    picture = Image.new("L", (400, 400), 245)
    drawing = ImageDraw.Draw(picture)
    for box, width in strokes.get("line", []):
        drawing.line(box, fill=20, width=width)
    for box, width in strokes.get("arc", []):
        drawing.arc(box, 60, 300, fill=20, width=width)
    for box, width in strokes.get("ellipse", []):
        drawing.ellipse(box, outline=20, width=width)
    ink = np.asarray(picture) < 128
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    image = frame_character(picture, SHAPE)[0]
    framed = np.ptp(np.flatnonzero(image.any(1))) / np.ptp(np.flatnonzero(image.any(0)))
    assert framed == pytest.approx(np.ptp(rows) / np.ptp(columns), rel=0.2)


def test_a_fold_does_not_divide_a_sheet() -> None:
    plain = put(draw_seven(), (500, 500), 240, (120, 110))
    folded = np.asarray(plain).astype(float)
    folded[:250] *= 0.93
    folded[:, :230] *= 0.95
    folded[250:252] *= 0.9
    folded[:, 230:232] *= 0.9
    assert ink_distance(plain, from_brightness(folded / 255)) < 0.2


def test_grain_that_touches_an_empty_sheet_does_not_hide_its_outline() -> None:
    for seed in range(4):
        grain = np.random.default_rng(seed).standard_normal((130, 10), np.float32)
        desk = 0.45 * (1 + 0.15 * np.asarray(Image.fromarray(grain).resize((400, 260))))
        desk[25:235, 60:320] = np.linspace(0.8, 0.95, 260)
        with pytest.raises(UserError, match="the picture must show one character"):
            frame_character(from_brightness(gaussian_filter(desk, 1).clip(0, 1)), SHAPE)


@pytest.mark.parametrize("side", [28, 300])
def test_two_tones_are_no_character(side: int) -> None:
    halves = np.where(np.arange(side) < side // 3, 0.4, 0.8)
    with pytest.raises(UserError, match="no ink stands out"):
        frame_character(from_brightness(np.tile(halves, (side, 1))), SHAPE)


@pytest.mark.parametrize(("place", "slope"), [(300, 0.4), (250, -0.1), (350, 0.9)])
def test_a_shadow_with_a_hard_edge_may_cross_the_ink(place: int, slope: float) -> None:
    plain = put(SEVEN_PIXELS, (500, 500), 220, (120, 110))
    rows, columns = np.indices((500, 500))
    shadow = rows + slope * columns < place
    crossed = (np.asarray(plain) < 128) & shadow
    assert 0.1 < crossed.sum() / (np.asarray(plain) < 128).sum() < 0.9
    assert ink_distance(plain, from_brightness(np.asarray(plain) / 255 * (1 - 0.4 * shadow))) < 0.15


@pytest.mark.parametrize("is_beam", [False, True])
@pytest.mark.parametrize(("width", "slope"), [(80, 0.2), (170, 0.2), (170, 1), (170, 0)])
def test_the_shadow_of_a_bar_or_a_sunbeam_may_cross_the_ink(width: int, slope: float, is_beam: bool) -> None:
    plain = put(SEVEN_PIXELS, (500, 500), 220, (120, 110))
    rows, columns = np.indices((500, 500))
    shadow = (abs(rows + slope * (columns - 250) - 230) < width / 2) != is_beam
    assert ink_distance(plain, from_brightness(np.asarray(plain) / 255 * (1 - 0.4 * shadow))) < 0.15


@pytest.mark.parametrize(("paper", "ink"), [(120, 215), (235, 140)])
def test_a_thick_1_is_no_sunbeam_or_shadow(paper: int, ink: int) -> None:
    picture = Image.new("L", (300, 300), paper)
    ImageDraw.Draw(picture).line((150, 20, 150, 280), fill=ink, width=60)
    for top in (0, 240):
        ImageDraw.Draw(picture).ellipse((120, top + 10, 180, top + 50), fill=ink)
    image = frame_character(picture, SHAPE)[0]
    assert np.ptp(np.flatnonzero(image.any(0))) < 8
    assert image[14, 14] == 255


@pytest.mark.parametrize("place", [100, 150, 200])
def test_the_edge_of_a_shadow_is_no_ink(place: int) -> None:
    plain = put(SEVEN_PIXELS, (500, 500), 245, (120, 110))
    shadow = gaussian_filter(np.repeat(np.arange(500) < place + 110, 500).reshape(500, 500).astype(float), 10)
    shaded = np.asarray(plain) / 255 * (1 - 0.35 * shadow)
    assert ink_distance(plain, from_brightness(shaded)) < 0.35


PARTS: dict[str, tuple[list[tuple[int, ...]], int]] = {  # lines of a drawing, and the number of its parts
    "three bars": ([(120, 100, 280, 100), (140, 190, 260, 190), (100, 290, 300, 290)], 3),
    "three uprights": ([(110, 100, 110, 300), (200, 120, 200, 260), (290, 100, 290, 310)], 3),
    "side by side": ([(110, 90, 110, 310), (170, 150, 310, 150), (240, 90, 240, 310), (240, 310, 190, 260)], 2),
    "between strokes": ([(100, 200, 300, 200), (200, 120, 200, 150), (200, 250, 200, 280)], 3),
    "upright on a bar": ([(200, 130, 200, 300), (70, 300, 330, 300)], 1),
    "outline": ([(100, 100, 300, 100, 300, 300, 100, 300, 100, 92), (150, 150, 250, 250), (250, 150, 150, 250)], 2),
    "two bars in an outline": (
        [(100, 100, 300, 100, 300, 300, 100, 300, 100, 92), (100, 165, 300, 165), (100, 230, 300, 230)],
        1,
    ),
    "dot in an outline": ([(100, 100, 300, 100, 300, 300, 100, 300, 100, 92), (193, 200, 207, 200)], 2),
    "dots": ([(190, 110, 212, 110), (110, 290, 132, 290), (270, 290, 292, 290)], 3),
}


@pytest.mark.parametrize(
    ("lines", "size", "colour"),
    [
        *((lines, (400, 400), 240) for lines in PARTS if lines != "dots"),
        ("outline", (520, 560), 70),
        ("dots", (800, 800), 70),
        ("three bars", (1500, 1500), 240),
    ],
)
def test_a_drawing_may_have_several_parts(lines: str, size: tuple[int, int], colour: int) -> None:
    sheet = Image.new("L", (400, 400), 240)
    pen = ImageDraw.Draw(sheet)
    for line in PARTS[lines][0]:
        pen.line(line, fill=30, width=18)
    drawn = np.asarray(sheet) < 128
    pen.ellipse((20, 370, 25, 375), fill=30)  # a speck
    picture = put(sheet, size, colour, (size[0] // 10, size[1] // 6) if size > sheet.size else (0, 0))
    image = frame_character(picture, (1, 96, 96), drawing=True)[0]
    assert label(image > 128)[1] == PARTS[lines][1]
    (height, width), (framed_height, framed_width) = (
        [np.ptp(np.flatnonzero(ink.any(axis))) for axis in (1, 0)] for ink in (drawn, image > 128)
    )
    assert framed_height / framed_width == pytest.approx(height / width, rel=0.1)


@pytest.mark.parametrize(("width", "side"), [(100, 100), (400, 400), (1600, 300)])
def test_a_picture_may_be_cropped_to_a_drawing(width: int, side: int) -> None:
    picture = Image.new("L", (width, side), 240)
    for left, top, right, bottom in ((2, 2, 8, 97), (30, 20, 99, 26), (55, 40, 61, 99)):
        ImageDraw.Draw(picture).rectangle([place * side // 100 for place in (left, top, right, bottom)], fill=30)
    assert label(frame_character(picture, (1, 96, 96), drawing=True)[0] > 128)[1] == 3


@pytest.mark.parametrize("desk", [None, 70])
def test_a_drawing_has_ink(desk: int | None) -> None:
    sheet = np.random.default_rng(0).normal(0.9, 0.01, (400, 400))
    sheet[20::40] -= 0.3  # lined paper
    picture = put(from_brightness(sheet), (520, 560), desk, (50, 90)) if desk else from_brightness(sheet)
    with pytest.raises(UserError, match="the picture must show one character"):
        frame_character(picture, SHAPE, drawing=True)
