"""Measure how `tools.predict` reads pictures of handwriting: photos, scans and drawings, made from MNIST's digits.

Run it from the project's root after `dvc repro`, with the dataset mnist, as `python -m benchmarks.drawings`. The table
has, for each kind of picture, how many get the right class, how many are refused, how many answers are unsure, and how
many are wrong but sure. The last kinds show no digit or several, so that every answer is wrong.

The digits are validation images, enlarged and smoothed; those that the network does not read even in a plain drawing
are left out. Tune on one half of them; --held-out uses the other half and other random numbers, for figures to
publish. To see the answer to each picture that --save writes, run `python -m tools.predict FOLDER --seen seen.png`.
"""

import argparse
import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom
from skimage.morphology import skeletonize

from src.common.cli import run_cli
from src.common.dataset import Dataset, Split
from src.common.errors import UserError
from src.common.text import markdown_table
from src.export.classifier import Classifier, load_classifier
from src.pictures.reading import Picture
from stages.split import SPLIT, TRAIN
from tools.predict import MODEL, UNSURE

NO_LABEL = -1  # of pictures for which every answer is wrong
Colour = tuple[float, float, float]
ENLARGED = 6  # times, before smoothing
BLACK, WHITE = (25, 25, 25), (245, 245, 245)
DESKS = ((60, 45, 35), (115, 80, 60), (50, 50, 50), (120, 120, 120), (30, 60, 110), (175, 140, 100))
PAPER_AND_INK = (((250, 240, 120), (30, 30, 120)), ((150, 200, 235), (20, 20, 20)), ((30, 60, 110), (250, 240, 150)))
FONTS = ("DejaVuSans-Bold.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansMono-Bold.ttf")  # included with Matplotlib
PEN = 0.07  # the width of a stroke, as a fraction of the digit's height


class Digit(NamedTuple):
    """A digit: its image (H, W), and, enlarged, each pixel's depth inside the strokes and distance to their middle."""

    label: int
    image: np.ndarray
    depth: np.ndarray
    distance: np.ndarray


def main() -> None:
    arguments = parse_arguments()
    half = int(arguments.held_out)
    classifier = load_classifier(MODEL)
    data = Dataset.load(TRAIN).select(Split.load(SPLIT).validation[half::2])
    rows, seconds = [], 0.0
    for name, draw in KINDS.items():
        if not any(text in name for text in arguments.only):
            continue
        rng = np.random.default_rng([half, *name.encode()])
        digits = choose_digits(rng, data, classifier)
        results = []
        for number in range(arguments.number):
            first = next(digits)
            page = draw(Artist(rng, chain([first], digits)))
            if arguments.save:
                (arguments.save / name).mkdir(parents=True, exist_ok=True)
                to_image(page).save(arguments.save / name / f"{number:03}.png")
            start = time.process_time()
            probabilities = classify(classifier, to_image(page))
            seconds += time.process_time() - start
            results.append((first.label if name in READABLE else NO_LABEL, probabilities))
        rows.append((name, len(results), *count(results)))
    print("\n".join(markdown_table(("picture", "n", "right", "refused", "unsure", f"wrong at {UNSURE:.0%}"), rows)))
    print(f"{1000 * seconds / max(1, arguments.number * len(rows)):.1f} ms of processor time per picture")


def classify(classifier: Classifier, picture: Image.Image) -> np.ndarray | None:
    """Return the probabilities (K,), or None if the picture is refused."""
    try:
        image = classifier.make_input(Picture(np.atleast_3d(np.asarray(picture))))
    except UserError:
        return None
    return classifier.predict(image[None]).squeeze(0)


def count(results: list[tuple[int, np.ndarray | None]]) -> tuple[int, int, int, int]:
    """Count the right answers, the refused pictures, the unsure answers, and those that are wrong but sure.

    results: the label and the probabilities (K,), None if refused, of every picture.
    """
    answers = [(values.argmax() == label, values.max() >= UNSURE) for label, values in results if values is not None]
    right, sure = np.array(answers, bool).reshape(-1, 2).T
    return int(right.sum()), len(results) - len(right), int((~sure).sum()), int((sure & ~right).sum())


def choose_digits(rng: np.random.Generator, data: Dataset, classifier: Classifier) -> Iterator[Digit]:
    """Yield digits in random order, but only those that the network reads when drawn at its input size."""
    for row in rng.permutation(len(data.labels)):
        digit = enlarge(data.images[row, 0], int(data.labels[row]))
        page, strokes = blank_page((28, 28), (0, 0, 0)), ink_of(digit, 20, PEN, widest=20)
        put(page, strokes, (255, 255, 255), (28 - strokes.shape[0]) // 2, (28 - strokes.shape[1]) // 2)
        (probabilities,) = classifier.predict(page[None, None, :, :, 0].round().astype(np.uint8))
        if probabilities[digit.label] >= UNSURE:
            yield digit


def enlarge(image: np.ndarray, label: int) -> Digit:
    ink = gaussian_filter(zoom(image / np.float32(255), ENLARGED), 0.35 * ENLARGED) > 0.35
    depth = distance_transform_edt(ink) - distance_transform_edt(~ink)
    return Digit(label, image, depth, distance_transform_edt(~skeletonize(ink)))


# A page is an array (H, W, C) of brightness, 0 to 255, with C 1 or 3; strokes are an array (H, W) of opacity, 0 to 1.


def ink_of(digit: Digit, height: float, pen: float | None, turn: float = 0, widest: float = np.inf) -> np.ndarray:
    """Draw strokes of this height in pixels, or lower if they would be too wide; pen: their thickness / height."""
    rows = np.flatnonzero((digit.depth > 0).any(1))
    field = digit.depth if pen is None else pen * (np.ptp(rows) + 1) / 2 - digit.distance
    turned = Image.fromarray(field.astype(np.float32)).rotate(turn, Image.Resampling.BICUBIC, fillcolor=-99)
    left, top, right, bottom = Image.fromarray(np.asarray(turned) > -1).getbbox() or (0, 0, *turned.size)
    scale = min(height / (bottom - top), widest / (right - left))
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    opacity = (np.asarray(turned.crop((left, top, right, bottom))) * scale + 0.5).clip(-9, 9)
    return np.asarray(Image.fromarray(opacity).resize(size)).clip(0, 1)


def put(page: np.ndarray, strokes: np.ndarray, ink: Colour, top: int, left: int) -> None:
    part = page[top : top + strokes.shape[0], left : left + strokes.shape[1]]
    part += strokes[: part.shape[0], : part.shape[1], None] * (np.array(ink, np.float32) - part)


def blank_page(size: tuple[int, int] = (600, 480), colour: Colour = WHITE) -> np.ndarray:
    return np.full((size[1], size[0], 3), colour, np.float32)


def mask_of(size: tuple[int, int], box: tuple[float, ...], corner: float, blur: float = 0) -> Image.Image:
    """Draw a rectangle with rounded corners; box is (left, top, right, bottom)."""
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rounded_rectangle(box, corner, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(blur))


def to_image(page: np.ndarray) -> Image.Image:
    return Image.fromarray(page.clip(0, 255).astype(np.uint8).squeeze())


def to_page(image: Image.Image) -> np.ndarray:
    return np.array(image, np.float32)


def jpeg(page: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    to_image(page).save(file, "JPEG", quality=quality)
    return to_page(Image.open(file))


class Artist(NamedTuple):
    """Draws pages, with the next digits on them."""

    rng: np.random.Generator
    digits: Iterator[Digit]

    def write(
        self,
        paper: Colour = WHITE,
        ink: Colour = BLACK,
        size: tuple[int, int] = (600, 480),
        height: float = 0.5,
        pen: float | None = PEN,
        turn: float = 0,
        margin: float = 0.04,
    ) -> np.ndarray:
        """Write a digit somewhere on a page; height: fraction of the page's shorter side; margin: of its longer one."""
        page = blank_page(size, paper)
        strokes = ink_of(next(self.digits), height * min(size), pen, turn, (1 - 2.5 * margin) * size[0])
        edge = margin * max(size)
        top, left = self.rng.uniform(edge, np.subtract(page.shape[:2], strokes.shape) - edge).astype(int).tolist()
        put(page, strokes, ink, top, left)
        return page

    def write_sheet(self, paper: Colour = WHITE) -> np.ndarray:
        """Write with one of several pens, far enough from the edges for the sheet to be turned."""
        pen, height = float(self.rng.choice([0.04, 0.08, 0.12])), self.rng.uniform(0.3, 0.6)
        return self.write(paper, pen=pen, height=height, margin=0.1)

    def lay(
        self,
        sheet: np.ndarray,
        sides: int = 4,
        desk: Colour | None = None,
        turn: float = 0,
        pattern: Callable[[np.ndarray], np.ndarray] = np.asarray,
    ) -> np.ndarray:
        """Lay a sheet on a desk that is visible on this many of its sides, turned by up to `turn` degrees."""
        turn = self.rng.uniform(-turn, turn)
        cover = to_image(sheet).convert("RGBA").rotate(turn, Image.Resampling.BICUBIC, expand=True)
        margins = self.rng.uniform(0.04, 0.35, 4) * min(cover.size)
        order = (0, 2, 1, 3) if self.rng.random() < 0.5 else (0, 1, 2, 3)  # two sides: opposite or adjacent ones
        hidden = np.roll(order, self.rng.integers(4))[sides:]
        margins[hidden] = -np.ceil(np.sin(np.radians(abs(turn))) * max(cover.size))  # without the corners' gaps
        top, right, bottom, left = margins.astype(int).tolist()
        size = left + cover.width + right, top + cover.height + bottom
        image = to_image(pattern(blank_page(size, desk or DESKS[self.rng.integers(len(DESKS))])))
        image.paste(cover, (left, top), cover)
        return to_page(image)

    def wood(self, desk: np.ndarray) -> np.ndarray:
        """Add noise that is stretched along the grain."""
        height, width = desk.shape[:2]
        grain = self.rng.standard_normal((height // 2, width // 40), np.float32)
        return np.asarray(desk * (1 + 0.15 * np.asarray(Image.fromarray(grain).resize((width, height)))[..., None]))

    def cloth(self, desk: np.ndarray) -> np.ndarray:
        """Turn the desk into a cloth with stripes or checks, every other one as bright as a sheet of paper."""
        angle, width = self.rng.uniform(0, np.pi), self.rng.uniform(0.02, 0.08) * max(desk.shape)
        rows, columns = np.indices(desk.shape[:2])
        light = (rows * np.cos(angle) + columns * np.sin(angle)) // width % 2 == 0
        if self.rng.random() < 0.5:
            light ^= (columns * np.cos(angle) - rows * np.sin(angle)) // width % 2 == 0
        return np.where(light[..., None], self.grey(225, 245), desk)

    def beside(self, bent: bool) -> np.ndarray:
        """Lay a sheet on a desk, beside a pencil or a ruler or, if bent, a cable."""
        desk, axis = DESKS[self.rng.integers(len(DESKS))], int(self.rng.integers(2))
        sheet = self.lay(self.write_sheet(), desk=desk, turn=4)
        length = sheet.shape[1 - axis]
        along = np.linspace(self.rng.uniform(0, 0.3), self.rng.uniform(0.7, 1), 30) * length
        across = (
            40 * np.sin(along / self.rng.uniform(30, 90)) if bent else np.linspace(self.rng.uniform(-30, 30), 0, 30)
        )
        drawing, colour = to_image(blank_page((160, length), desk)), tuple(self.rng.integers(256, size=3).tolist())
        width = int(self.rng.integers(6, 16) if bent else self.rng.integers(12, 40))
        ImageDraw.Draw(drawing).line(list(zip(80 + across, along, strict=True)), colour, width, joint="curve")
        strip = np.rot90(to_page(drawing), 1 - axis)
        return self.photo(np.concatenate([sheet, strip][:: self.rng.choice([1, -1])], axis))

    def beside_a_note(self) -> np.ndarray:
        """Lay a sheet on a desk, beside a coloured note with a word."""
        desk, sheet = DESKS[self.rng.integers(len(DESKS))], self.write_sheet()
        width, colour = int(self.rng.integers(150, 350)), tuple(self.rng.integers(180, 256, 3).tolist())
        note = to_image(blank_page((width, len(sheet)), colour))
        ImageDraw.Draw(note).text((20, 40), "Name", BLACK, font_size=self.rng.uniform(30, 60))
        gap = blank_page((30, len(sheet)), desk)
        return self.photo(self.lay(np.hstack([sheet, gap, to_page(note)]), desk=desk, turn=4))

    def grey(self, darkest: int, brightest: int) -> Colour:
        return (self.rng.uniform(darkest, brightest),) * 3

    def photo(self, page: np.ndarray) -> np.ndarray:
        """Take a photo: a little blur and noise, JPEG."""
        return jpeg(self.grainy(to_page(to_image(page).filter(ImageFilter.GaussianBlur(0.8))), 3), 85)

    def grainy(self, page: np.ndarray, amount: float) -> np.ndarray:
        return np.asarray(page + amount * self.rng.standard_normal((*page.shape[:2], 1), np.float32))

    def shaded(self, page: np.ndarray, darkest: float = 0.35) -> np.ndarray:
        """Light the page with a lamp on one side."""
        rows, columns = np.indices(page.shape[:2], np.float32) / max(page.shape)
        angle = self.rng.uniform(0, 2 * np.pi)
        along = rows * np.sin(angle) + columns * np.cos(angle)
        along = (along - along.min()) / np.ptp(along)
        return np.asarray(page * (darkest + (1 - darkest) * along[..., None] ** 0.7))

    def specks(self) -> np.ndarray:
        page = self.write()
        for top, left in self.rng.integers(0, (472, 592), (8, 2)):
            height, width = self.rng.integers(2, 7, 2)
            page[top : top + height, left : left + width] = 60
        return self.photo(page)

    def finger(self) -> np.ndarray:
        page = np.vstack([self.write(size=(600, 400)), blank_page((600, 90))])
        left, top = self.rng.integers((0, 400), (500, 430)).tolist()
        mask = mask_of((600, 490), (left, top, left + 100, 700), 50, blur=3)
        put(page, to_page(mask) / 255, (205, 150, 125), 0, 0)
        return self.photo(page)

    def canvas(self, frame: int = 0, pen: float | None = 0.09) -> np.ndarray:
        page = self.write((255, 255, 255), (0, 0, 0), (280, 280), self.rng.uniform(0.5, 0.8), pen)
        page[:frame] = page[280 - frame :] = page[:, :frame] = page[:, 280 - frame :] = 0
        return page

    def on_wood(self, sheet: np.ndarray, sides: int = 4) -> np.ndarray:
        return self.photo(self.shaded(self.lay(sheet, sides, turn=4, pattern=self.wood), 0.6))

    def in_perspective(self) -> np.ndarray:
        """Take a photo of a sheet from one side, so that it looks wider there."""
        side = int(self.rng.integers(4))
        image = to_image(np.rot90(self.lay(self.write_sheet()), side))
        (width, height), inset = image.size, int(self.rng.uniform(0.05, 0.14) * image.width)
        corners = (inset, 0, 0, height, width, height, width - inset, 0)
        image = image.transform(image.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
        return self.photo(np.rot90(to_page(image), -side))

    def in_shadow(self) -> np.ndarray:
        """Let the shadow of a head or a phone fall across the paper."""
        page, left, top = self.write_sheet(), self.rng.uniform(-360, 360), self.rng.uniform(-288, 288)
        shadow = mask_of((600, 480), (left, top, left + 500, top + 400), 150, self.rng.uniform(5, 20))
        put(page, self.rng.uniform(0.2, 0.4) * to_page(shadow) / 255, (0, 0, 0), 0, 0)
        return self.photo(page)

    def in_hard_shadow(self, has_two_edges: bool = False) -> np.ndarray:
        """Let the shadow of a straight edge fall across the paper, and often across the digit.

        has_two_edges: instead, the shadow of a window's bar, or a sunbeam.
        """
        page, angle = self.write_sheet(), self.rng.uniform(0, 2 * np.pi)
        rows, columns = np.indices(page.shape[:2], np.float32)
        distance = (rows - 240) * np.sin(angle) + (columns - 300) * np.cos(angle) + self.rng.uniform(-150, 150)
        if has_two_edges:
            distance = self.rng.choice([-1, 1]) * (abs(distance) - self.rng.uniform(40, 150))
        light = np.clip(distance / self.rng.uniform(1, 8) + 0.5, 0, 1)[..., None]
        return self.photo(page * (light + (1 - light) * self.rng.uniform(0.5, 0.85)))

    def in_reflection(self) -> np.ndarray:
        """Let a lamp be reflected, often by the ink: there, everything is nearly white."""
        page = self.write_sheet()
        top, left = self.rng.uniform(0.3, 0.7, 2) * page.shape[:2]
        rows, columns = np.indices(page.shape[:2], np.float32)
        distance = np.hypot(rows - top, columns - left) / self.rng.uniform(30, 90)
        put(page, self.rng.uniform(0.4, 0.9) * np.exp(-(distance**2) / 2), (255, 255, 255), 0, 0)
        return self.photo(page)

    def folded(self) -> np.ndarray:
        """Fold a sheet in four: the parts differ a little in brightness, and the folds are lines."""
        page = self.lay(self.write_sheet(), int(self.rng.choice([0, 4])))
        row, column = (self.rng.uniform(0.4, 0.6, 2) * page.shape[:2]).astype(int)
        page[:row] *= self.rng.uniform(0.9, 1)
        page[:, :column] *= self.rng.uniform(0.9, 1)
        page[row : row + 2] *= 0.9
        page[:, column : column + 2] *= 0.9
        return self.photo(page)

    def form(self) -> np.ndarray:
        """Write into a box of a form."""
        page, (left, top, width) = blank_page(), self.rng.integers((60, 60, 1), (200, 200, 5)).tolist()
        page[top - width : top + 200 + width, left - width : left + 200 + width] = BLACK
        page[top : top + 200, left : left + 200] = self.write(size=(200, 200), height=0.6)
        return self.photo(page)

    def on_a_line(self, number: int = 1, gap: tuple[float, float] = (8, 40), above: bool = False) -> np.ndarray:
        """Write above one or two lines, as on a form, or below a line; gap: between line and digit, in pixels."""
        page = blank_page()
        strokes = ink_of(next(self.digits), self.rng.uniform(100, 170), self.rng.uniform(0.04, 0.1))
        top, left = self.rng.integers((90, 150), (150, 250)).tolist()
        put(page, strokes, BLACK, top, left)
        drawing, distance = to_image(page), self.rng.uniform(*gap)
        first = top - distance if above else top + strokes.shape[0] + distance
        start, end = self.rng.uniform(20, 180), self.rng.uniform(left + strokes.shape[1] + 30, 580)
        for height in first + np.arange(number) * self.rng.uniform(12, 25):
            slope = self.rng.uniform(-0.02, 0.02)
            line = (start, height + slope * (start - left), end, height + slope * (end - left))
            ImageDraw.Draw(drawing).line(line, BLACK, int(self.rng.integers(3, 8)))
        return self.photo(to_page(drawing))

    def in_a_row(self) -> np.ndarray:
        """Write between two of the lines of a table or a form, which are as dark as the ink."""
        page, colour = blank_page(), self.grey(20, 110)
        spacing, width = self.rng.integers((70, 1), (140, 4)).tolist()
        first = int(self.rng.integers(10, spacing))
        for offset in range(first, first + width):
            page[offset::spacing] = colour
        strokes = ink_of(next(self.digits), 0.6 * spacing, 0.09)
        row = first + width + spacing * int(self.rng.integers((480 - first) // spacing - 1))
        top = row + self.rng.uniform(0.25, 0.75) * (spacing - width - strokes.shape[0])
        put(page, strokes, colour, int(top), int(self.rng.integers(30, 400)))
        return self.photo(page)

    def on_dashes(self) -> np.ndarray:
        """Write above or below a row of dashes or dots."""
        page = blank_page()
        strokes = ink_of(next(self.digits), self.rng.uniform(100, 170), self.rng.uniform(0.06, 0.1))
        top, left = self.rng.integers((120, 150), (180, 250)).tolist()
        put(page, strokes, BLACK, top, left)
        gap, length, height = self.rng.integers((15, 6, 6), (50, 30, 16)).tolist()
        place = top - gap - height if self.rng.random() < 0.5 else top + strokes.shape[0] + gap
        for start in range(int(self.rng.integers(10, 150)), 560, 2 * length):
            page[place : place + height, start : start + length] = BLACK
        return self.photo(page)

    def surrounded(self, box: bool) -> np.ndarray:
        """Draw a circle or a box around a digit, as if by hand: its ends need not meet."""
        page = blank_page()
        strokes = ink_of(next(self.digits), self.rng.uniform(110, 170), self.rng.uniform(0.04, 0.1))
        centre = self.rng.uniform((280, 220), (320, 260))
        put(page, strokes, BLACK, *(centre[::-1] - np.array(strokes.shape) / 2).astype(int).tolist())
        radii = np.array(strokes.shape[::-1]) * (0.5 if box else 0.72) + self.rng.uniform(20, 60, 2)
        radii = np.maximum(radii, 0.7 * radii.max())
        angles = np.radians(self.rng.uniform(0, 360) + np.linspace(0, self.rng.uniform(340, 375), 200))
        around = np.stack([np.cos(angles), np.sin(angles)], 1)
        if box:  # a point of the unit square in each direction
            around /= abs(around).max(1, keepdims=True)
        around *= np.linspace(1, self.rng.uniform(0.92, 1.08), 200)[:, None]
        drawing = to_image(page)
        points = [tuple(point) for point in centre + around * radii]
        ImageDraw.Draw(drawing).line(points, BLACK, int(self.rng.integers(4, 9)), joint="curve")
        return self.photo(to_page(drawing))

    def on_a_disc(self) -> np.ndarray:
        """Write on a disc or a polygon whose brightness differs from what is around it, like a sticker or a sign."""
        colours = [self.grey(20, 90), self.grey(150, 245)]
        around, disc = colours if self.rng.random() < 0.5 else colours[::-1]
        page, radius = blank_page(colour=around), self.rng.uniform(90, 190)
        mask, sides = Image.new("L", (600, 480)), int(self.rng.choice([6, 8, 90]))
        ImageDraw.Draw(mask).regular_polygon((300, 240, radius), sides, self.rng.uniform(0, 60), 255)
        put(page, to_page(mask.filter(ImageFilter.GaussianBlur(self.rng.uniform(0.5, 8)))) / 255, disc, 0, 0)
        ink = WHITE if disc[0] < 128 else BLACK
        strokes = ink_of(next(self.digits), radius * self.rng.uniform(0.7, 1.2), self.rng.uniform(0.05, 0.12))
        put(page, strokes, ink, 240 - strokes.shape[0] // 2, 300 - strokes.shape[1] // 2)
        return self.photo(page)

    def on_a_cloud(self) -> np.ndarray:
        """Write on a wide shape with a wavy outline whose brightness differs from what is around it."""
        page, mask = blank_page(colour=self.grey(30, 150)), Image.new("L", (600, 480))
        angles, height = np.linspace(0, 2 * np.pi, 200), self.rng.uniform(120, 190)
        radii = 1 + self.rng.uniform(0, 0.2) * abs(np.sin(angles * self.rng.integers(6, 12) / 2))
        outline = np.stack([self.rng.uniform(1.1, 1.4) * np.cos(angles), np.sin(angles)], 1) * radii[:, None] * height
        ImageDraw.Draw(mask).polygon([(300 + x, 240 + y) for x, y in outline], fill=255)
        put(page, to_page(mask) / 255, self.grey(210, 245), 0, 0)
        strokes = ink_of(next(self.digits), height * self.rng.uniform(0.7, 1.2), self.rng.uniform(0.05, 0.12))
        put(page, strokes, BLACK, 240 - strokes.shape[0] // 2, 300 - strokes.shape[1] // 2)
        return self.photo(page)

    def on_torn_paper(self) -> np.ndarray:
        """Write on a piece of paper with a ragged outline, on a desk."""
        page = blank_page((500, 500), self.grey(20, 150))
        angles = np.sort(self.rng.uniform(0, 2 * np.pi, 24))
        radii = 190 + 14 * self.rng.standard_normal(24)
        outline, mask = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] + 250, Image.new("L", (500, 500))
        ImageDraw.Draw(mask).polygon(outline.ravel().tolist(), fill=255)
        put(page, to_page(mask) / 255, self.grey(210, 245), 0, 0)
        strokes = ink_of(next(self.digits), self.rng.uniform(100, 200), self.rng.uniform(0.05, 0.12))
        put(page, strokes, BLACK, 250 - strokes.shape[0] // 2, 250 - strokes.shape[1] // 2)
        return self.photo(page)

    def highlighted(self) -> np.ndarray:
        """Write across a band of a highlighter."""
        page, colour = blank_page(), ((250, 240, 90), (120, 220, 110), (255, 150, 190))[self.rng.integers(3)]
        left, right, half = self.rng.uniform(40, 150), self.rng.uniform(450, 560), self.rng.uniform(50, 100)
        rows, columns = np.indices(page.shape[:2])
        middle = 240 + 8 * np.sin(columns / self.rng.uniform(20, 50))
        band = ((abs(rows - middle) < half) & (left < columns) & (columns < right)).astype(np.float32)
        put(page, gaussian_filter(band, 1), colour, 0, 0)
        strokes = ink_of(next(self.digits), self.rng.uniform(120, 220), self.rng.uniform(0.06, 0.1))
        put(page, strokes, BLACK, 240 - strokes.shape[0] // 2, 300 - strokes.shape[1] // 2)
        return self.photo(page)

    def with_a_pen(self) -> np.ndarray:
        """Leave a pen or a pencil on the sheet, beside the digit, in any direction."""
        page, strokes = blank_page(), ink_of(next(self.digits), self.rng.uniform(80, 130), self.rng.uniform(0.04, 0.1))
        put(page, strokes, BLACK, 240 - strokes.shape[0] // 2, 300 - strokes.shape[1] // 2)
        angle, gap = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(15, 60)
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        rows, columns = np.nonzero(strokes > 0.5)
        distance = (np.stack([columns, rows], 1) - np.array(strokes.shape[::-1]) // 2) @ across
        middle = (300, 240) + across * (distance.max() + gap) + along * self.rng.uniform(-20, 20)
        reach = along * self.rng.uniform(1, 2) * len(strokes)
        drawing, colour = to_image(page), tuple(self.rng.integers(0, 200, 3).tolist())
        ImageDraw.Draw(drawing).line((*(middle - reach), *(middle + reach)), colour, int(self.rng.integers(7, 18)))
        return self.photo(to_page(drawing))

    def headed(self) -> np.ndarray:
        """Write below a coloured heading."""
        drawing = ImageDraw.Draw(heading := to_image(blank_page((600, 140))))
        left, top, right, bottom = self.rng.integers((10, 10, 400, 70), (100, 40, 590, 130)).tolist()
        colour, text = self.rng.integers(256, size=(2, 3)).tolist()
        drawing.rectangle((left, top, right, bottom), tuple(colour))
        drawing.text((left + 20, top + 10), "Name:", tuple(text), font_size=(bottom - top) / 2)
        return self.photo(np.vstack([to_page(heading), self.write(size=(600, 400))]))

    def printed(self) -> np.ndarray:
        """Print a digit in bold, in place of the next one of the dataset."""
        text, size = str(next(self.digits).label), self.rng.uniform(60, 400)
        font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf", self.rng.choice(FONTS)), size)
        drawing = to_image(blank_page((640, 480)))
        ImageDraw.Draw(drawing).text((320, 240), text, BLACK, font, "mm")
        return to_page(drawing)

    def card(self, light: bool, corner: float = 0, pen: float | None = 0.08) -> np.ndarray:
        grey = self.grey(20, 90)
        paper, ink, desk = (WHITE, BLACK, grey) if light else (grey, WHITE, WHITE)
        sheet = self.write(paper, ink, (320, 320), self.rng.uniform(0.4, 0.75), pen)
        outside = 1 - to_page(mask_of((320, 320), (0, 0, 319, 319), corner)) / 255
        put(sheet, outside, desk, 0, 0)
        return self.lay(sheet, desk=desk)

    def imshow(self, cmap: str, axes: bool) -> np.ndarray:
        """Show a digit with Matplotlib."""
        width, height = self.rng.uniform(3, 6, 2).tolist()
        figure, file = Figure((width, height)), io.BytesIO()
        plot = figure.add_subplot()
        plot.imshow(next(self.digits).image, cmap=cmap)
        plot.axis(axes)
        figure.savefig(file)
        return to_page(Image.open(file).convert("RGB"))

    def tight(self, thinnest: float, thickest: float) -> np.ndarray:
        """Crop a drawing to the box of the digit."""
        strokes = ink_of(next(self.digits), 220, self.rng.uniform(thinnest, thickest))[..., None]
        return 255 * (1 - strokes if self.rng.random() < 0.7 else strokes)

    def on_lines(self, squared: bool) -> np.ndarray:
        page = self.lined(squared)
        strokes = ink_of(next(self.digits), self.rng.uniform(150, 300), 0.1)
        put(page, strokes, BLACK, *self.rng.integers(20, (100, 150)).tolist())
        return self.photo(page)

    def lined(self, squared: bool, sides: int = 0) -> np.ndarray:
        page, colour = blank_page(), (90, self.rng.uniform(90, 150), 190)
        spacing, width = self.rng.integers((20, 1), (60, 4)).tolist()
        first = int(self.rng.uniform(0.3, 1) * spacing)
        for offset in range(first, first + width):
            page[offset::spacing] = colour
            if squared:
                page[:, offset::spacing] = colour
        return self.photo(self.lay(page, sides, turn=1.5))

    def rectangle(self, hollow: bool) -> np.ndarray:
        page, width = blank_page((500, 400)), int(self.rng.integers(1, 8))
        bottom, right = self.rng.integers(140, 320, 2)
        page[20:bottom, 20:right] = BLACK if hollow else DESKS[self.rng.integers(len(DESKS))]
        if hollow:
            page[20 + width : bottom - width, 20 + width : right - width] = WHITE
        return self.photo(page if self.rng.random() < 0.7 else 255 - page)

    def several(self, columns: int, rows: int = 1) -> np.ndarray:
        page = blank_page((200 * columns + 100, 230 * rows + 70))
        for row in range(rows):
            left = 40
            for _ in range(columns):
                strokes = ink_of(next(self.digits), self.rng.uniform(130, 180), 0.09)
                put(page, strokes, BLACK, 230 * row + int(self.rng.integers(40, 80)), left)
                left += strokes.shape[1] + int(self.rng.integers(20, 60))
        return self.photo(page)

    def beside_a_one(self) -> np.ndarray:
        """Write a digit closely beside a 1."""
        one = next(digit for digit in self.digits if digit.label == 1)
        other = next(digit for digit in self.digits if digit.label != 1)
        page, left, height = blank_page(), self.rng.uniform(60, 200), self.rng.uniform(110, 200)
        for digit in (one, other) if self.rng.random() < 0.5 else (other, one):
            strokes = ink_of(digit, height * self.rng.uniform(0.95, 1.2), 0.08)
            put(page, strokes, BLACK, int(self.rng.uniform(100, 110)), int(left))
            left += strokes.shape[1] + self.rng.uniform(0.08, 0.2) * height
        return self.photo(page)

    def beside_a_larger_one(self) -> np.ndarray:
        """Write a smaller digit beside another one, between its ends, or a little above them, like an exponent."""
        page, height = blank_page(), self.rng.uniform(130, 220)
        strokes = ink_of(next(self.digits), height, 0.08, widest=300)
        smaller = ink_of(next(self.digits), height * self.rng.uniform(0.3, 0.8), 0.12, widest=200)
        put(page, strokes, BLACK, 150, 60)
        top = 150 + self.rng.uniform(-0.3, 1) * (len(strokes) - len(smaller))
        put(page, smaller, BLACK, int(top), 60 + strokes.shape[1] + int(self.rng.uniform(0.1, 0.25) * height))
        return self.photo(page)

    def texture(self, steepness: float) -> np.ndarray:
        """Make noise whose amplitude falls with frequency as in photos of nature (1), faster (clouds), or not (0)."""
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(400), np.fft.fftfreq(400)))
        frequency[0, 0] = np.inf
        waves = np.fft.ifft2(np.fft.fft2(self.rng.normal(size=(400, 400))) / frequency**steepness).real
        return np.asarray(128 + 50 * waves / waves.std())[..., None]


READABLE: dict[str, Callable[[Artist], np.ndarray]] = {
    "pen on white": lambda artist: artist.photo(artist.write()),
    "marker on white": lambda artist: artist.photo(artist.write(pen=None)),
    "pen on grey": lambda artist: artist.photo(artist.write(paper=(150, 150, 150))),
    "coloured": lambda artist: artist.photo(artist.write(*PAPER_AND_INK[artist.rng.integers(3)])),
    "shaded": lambda artist: artist.photo(artist.shaded(artist.write())),
    "grainy": lambda artist: artist.grainy(artist.write(), 20),
    "faint pencil": lambda artist: artist.photo(artist.write((225, 222, 215), (165, 165, 165))),
    "chalk": lambda artist: artist.grainy(artist.write((45, 60, 50), (220, 220, 215)), 10),
    "thin": lambda artist: artist.photo(artist.write(pen=0.02)),
    "thick": lambda artist: artist.photo(artist.write(pen=0.2)),
    "printed in bold": Artist.printed,
    "small": lambda artist: artist.photo(artist.write(height=0.15, pen=0.08)),
    "large": lambda artist: artist.photo(artist.write(size=(480, 480), height=0.9, pen=0.1)),
    "tiny on a large page": lambda artist: artist.grainy(
        artist.write(size=(2000, 1500), height=0.04, pen=0.1)[..., :1], 2
    ),
    "JPEG of low quality": lambda artist: jpeg(artist.write(), 15),
    "turned": lambda artist: artist.photo(artist.write(turn=artist.rng.uniform(-12, 12))),
    "specks": Artist.specks,
    "finger": Artist.finger,
    "canvas": Artist.canvas,
    "white on black": lambda artist: 255 - artist.canvas(),
    "frame of 1 pixel": partial(Artist.canvas, frame=1),
    "frame of 6 pixels": partial(Artist.canvas, frame=6),
    "marker, frame of 2 pixels": partial(Artist.canvas, frame=2, pen=None),
    "marker, white on black, frame of 2 pixels": lambda artist: 255 - artist.canvas(2, None),
    "28x28": lambda artist: next(artist.digits).image[..., None],
    "28x28, dark on light": lambda artist: 255 - next(artist.digits).image[..., None],
    "desk on four sides": lambda artist: artist.photo(artist.lay(artist.write_sheet())),
    "desk on three sides": lambda artist: artist.photo(artist.lay(artist.write_sheet(), 3)),
    "desk on two sides": lambda artist: artist.photo(artist.lay(artist.write_sheet(), 2)),
    "desk on one side": lambda artist: artist.photo(artist.lay(artist.write_sheet(), 1)),
    "wooden desk, sheet turned": lambda artist: artist.on_wood(artist.write_sheet()),
    "wooden desk on two sides": lambda artist: artist.on_wood(artist.write_sheet(), 2),
    "striped or checked cloth": lambda artist: artist.photo(
        artist.lay(artist.write_sheet(), turn=8, pattern=artist.cloth)
    ),
    "grey sheet on a pale desk": lambda artist: artist.photo(
        artist.lay(artist.write_sheet(artist.grey(150, 200)), desk=(235, 235, 230), turn=4)
    ),
    "pencil or ruler beside the sheet": partial(Artist.beside, bent=False),
    "cable beside the sheet": partial(Artist.beside, bent=True),
    "note beside the sheet": Artist.beside_a_note,
    "sheet in perspective": Artist.in_perspective,
    "shadow on the paper": Artist.in_shadow,
    "shadow with a hard edge": Artist.in_hard_shadow,
    "shadow of a bar, or a sunbeam": partial(Artist.in_hard_shadow, has_two_edges=True),
    "reflection of a lamp": Artist.in_reflection,
    "folded sheet": Artist.folded,
    "box of a form": Artist.form,
    "coloured heading": Artist.headed,
    "line below": Artist.on_a_line,
    "two lines below": partial(Artist.on_a_line, number=2),
    "touching a line": partial(Artist.on_a_line, gap=(-12, 3)),
    "line above": partial(Artist.on_a_line, above=True),
    "in a row of a table": Artist.in_a_row,
    "row of dashes": Artist.on_dashes,
    "circle around it": partial(Artist.surrounded, box=False),
    "box around it": partial(Artist.surrounded, box=True),
    "disc or polygon around it": Artist.on_a_disc,
    "cloud around it": Artist.on_a_cloud,
    "torn paper": Artist.on_torn_paper,
    "highlighter behind it": Artist.highlighted,
    "pen on the sheet": Artist.with_a_pen,
    "light card": partial(Artist.card, light=True),
    "dark card": partial(Artist.card, light=False),
    "light card, marker": partial(Artist.card, light=True, pen=None),
    "rounded card": partial(Artist.card, light=True, corner=32),
    "imshow": partial(Artist.imshow, cmap="gray", axes=False),
    "imshow, viridis": partial(Artist.imshow, cmap="viridis", axes=False),
    "imshow with axes": partial(Artist.imshow, cmap="gray", axes=True),
    "imshow with axes, viridis": partial(Artist.imshow, cmap="viridis", axes=True),
    "imshow with axes, grey on white": partial(Artist.imshow, cmap="gray_r", axes=True),
    "tight": partial(Artist.tight, thinnest=0.08, thickest=0.15),
    "thick and tight": partial(Artist.tight, thinnest=0.17, thickest=0.21),
    "on lined paper": partial(Artist.on_lines, squared=False),
    "on squared paper": partial(Artist.on_lines, squared=True),
}
UNREADABLE: dict[str, Callable[[Artist], np.ndarray]] = {
    "blank": lambda artist: blank_page(colour=artist.grey(20, 250)),
    "blank, noisy": lambda artist: artist.grainy(blank_page(colour=artist.grey(20, 250)), artist.rng.uniform(3, 20)),
    "blank, shaded": lambda artist: artist.grainy(artist.shaded(blank_page(colour=artist.grey(20, 250))), 3),
    "lined": partial(Artist.lined, squared=False),
    "squared": partial(Artist.lined, squared=True),
    "lined sheet on a desk": partial(Artist.lined, squared=False, sides=4),
    "empty sheet on a desk": lambda artist: artist.photo(artist.lay(blank_page(), int(artist.rng.integers(2, 5)))),
    "empty sheet on a wooden desk": lambda artist: artist.on_wood(blank_page(), int(artist.rng.integers(2, 5))),
    "empty frame": partial(Artist.rectangle, hollow=True),
    "rectangle": partial(Artist.rectangle, hollow=False),
    "two digits": partial(Artist.several, columns=2),
    "1 and another digit, closely": Artist.beside_a_one,
    "digit and a smaller one": Artist.beside_a_larger_one,
    "three digits": partial(Artist.several, columns=3),
    "five digits": partial(Artist.several, columns=5),
    "two digits, one below the other": partial(Artist.several, columns=1, rows=2),
    "three digits, one below the other": partial(Artist.several, columns=1, rows=3),
    "four digits in two rows": partial(Artist.several, columns=2, rows=2),
    "noise": partial(Artist.texture, steepness=0),
    "texture": partial(Artist.texture, steepness=1),
    "clouds": partial(Artist.texture, steepness=1.6),
}
KINDS = READABLE | UNREADABLE


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drawings", description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=60, help="pictures of each kind; default: 60")
    parser.add_argument("--held-out", action="store_true", help="use the other half of the digits")
    parser.add_argument("--only", nargs="+", metavar="TEXT", default=[""], help="kinds whose names contain a TEXT")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="also write the pictures, in one folder per kind")
    return parser.parse_args()


if __name__ == "__main__":
    run_cli(main)
