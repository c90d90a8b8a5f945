"""Find the one character, or the drawing, that a picture shows.

Regions of uniform brightness are nested: a desk contains a sheet, a sheet contains ink, ink encloses holes. So every
uniform region, up to the whole picture, may be the sheet if its outline is a rectangle or if it contains what looks
like ink. What stands out from a sheet is ink, unless it reaches in from outside, as a finger does, or is a rectangle
itself: another sheet, a frame, or a heading. The character is on the sheet with the largest mark of ink. If no sheet
has one, the picture may be cropped to the character, so that its paper is in pieces. Lines across the picture, such as
those of lined paper, are erased first, and a shadow with a straight edge is brightened. `strokes.py` decides which
marks belong to the character. A drawing is all the ink on the sheet, outlines of rectangles included.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import (
    binary_dilation,
    binary_erosion,
    binary_fill_holes,
    binary_opening,
    find_objects,
    gaussian_gradient_magnitude,
    grey_closing,
    grey_dilation,
    grey_opening,
    label,
    mean,
)
from skimage.filters import gaussian, threshold_otsu

from src.common.errors import UserError
from src.pictures.strokes import (
    MAX_ONE,
    MIN_COMPONENT,
    MIN_CONVEX,
    MIN_ENCLOSED,
    NEIGHBOURS,
    SEVERAL,
    choose_parts,
    choose_strokes,
    erase_touching_line,
    extent,
    hull_of,
    thickness,
)

SIDE, MIN_SIDE = 256, 128  # pixels: larger pictures are reduced to the first, smaller ones enlarged to the second
# The margin added to a small picture, as a fraction of its longer side; the fraction of its border that must be even
# paper; and how far even paper may be from the median, as a fraction of the range of brightness.
MARGIN, MIN_EVEN, EVEN = 0.25, 0.6, 0.1
NEAR_BORDER = 0.05  # the width of the border of a picture that is cropped to a drawing
# Without another unit, lengths are fractions of the picture's longer side.
MAX_LINE = 0.02  # the width of a printed line
MIN_RUN, MAX_GAP = 0.2, 0.5  # the length of a line's straight pieces, and of the gaps between them
MIN_LINE, MIN_COVER = 0.95, 0.5  # how far a line extends, and the visible fraction of that
MAX_SLOPE = 5  # pixels by which a line may rise or fall within a piece
HALO = 0.07  # times the darkness of the darkest line; what is fainter may be its halo, from resizing
# Ratios of darkness: of the darkest strokes to the lines, above which strokes are not erased; and of the darkest part
# of a line to the whole line.
INK, VARIES = 1.4, 1.2
MIN_LINES = 3  # in the same direction; fewer may be strokes or the box of a form
PAPER = 0.2  # window for estimating the paper's brightness; wider than a stroke
SHADOW = 0.1  # window for finding shadows; wider than most strokes
MIN_SHADOW, MAX_SHADOW = 0.4, 0.9  # fractions of the lit paper's brightness
SHADOW_EDGE = 10  # pixels: how far on both sides of a shadow's edge the brightness is measured
MAX_EDGES, MIN_SHADOW_EDGE = 2, 0.2  # the number of edges, and the length of each
OUTERMOST = 2  # pixels: the width of the border that a shadow between two edges must reach
FITS = 3  # rounds of fitting a line to an edge
MIN_STRAIGHT = 0.97  # fraction of the pixels that are on the correct side of the line
MIN_LIFTED = 0.8  # ratio of the darkest border to the brightest, once the shadow is lifted; a desk is darker
MIN_EDGE = 0.015  # change of brightness per pixel; less is uniform
MIN_EDGE_ON_FOLDS = 0.06  # a higher limit, at which folds and hard shadows do not divide a sheet
MIN_SHEET = 0.04  # fraction of the picture's area
MIN_CONVEX_SHEET = 0.95  # fraction of its convex hull that a sheet without anything on it fills
MIN_RECTANGLE = 0.9  # fraction of the smallest rectangle around a sheet that the sheet fills
MIN_FRAME = 0.96  # the same for a frame; a D is nearly a rectangle, too
# Fractions of its convex hull that a sheet fills, with what lies on it; a bold A fills nearly as much of its hull, and
# a thick character that takes up the whole picture fills even more.
MIN_SOLID, MIN_SOLID_MARK, MIN_SOLID_CROPPED = 0.8, 0.9, 0.95
MIN_HEADING = 1.5  # ratio of the length of a level bar, such as a coloured heading, to that of the character
# Fractions of its convex hull that a sheet of another shape fills, without and with what lies on it.
MIN_PAPER, MIN_FILLED = 0.6, 0.75
# Fractions of its own hull that a mark on such a sheet fills, and the ratio of a straight mark's width to its length.
# Bent marks look like ink on any shape, straight ones on a round shape, and upright ones as thin as a 1 on a wide one;
# others could be the hole of a 0, unless the shape is nearly convex.
MAX_BENT, MAX_ON_OVAL, MAX_ON_DISC, MAX_STRAIGHT = 0.7, 0.75, 0.9, 0.3
MAX_DENTS = 2.4  # area of its hull that a convex shape leaves unfilled, in pixels per square root of the hull's area
MIN_DISC, MIN_WIDE = 0.9, 1.1  # ratios of a disc's width to its length, and of a wide shape's to its height
MAX_ASPECT = 2.5  # ratio of a sheet's sides, because a straight stroke is more elongated
MIN_WHOLE, MIN_ROW = 0.95, 0.5  # fractions of the picture's area above which ink, or paper, may be a sheet of any ratio
# For two sheets with a character each: the smallest ratios of their areas and of the lengths of their marks, and the
# largest fraction of a sheet that they have in common.
MIN_ALIKE, MIN_ALIKE_MARK, MAX_COMMON = 0.7, 0.5, 0.1
MAX_WIDE = 1.3  # ratio of the width of a character to its height; a word is wider, and its letters may have merged
PAPER_BLUR = 1 / 20  # the distance over which the paper below strokes is estimated from its surroundings
SHADOW_BLUR = 1 / 100  # the distance over which visible paper is averaged; short, so that edges of shadows stay
MIN_CONTRAST = 0.1  # between ink and paper (black against white is 1)
MAX_ENDS = 8  # how often a character may leave the picture; the stripes or checks of a cloth do so more often
GRAIN = 5  # pixels: the width of the grain of a wooden desk, at most
NOISE = 5  # times the noise of the paper: less is not ink
# For dark and for faded strokes: the contrasts, relative to solid ink's, above which a pixel has some, or only, ink.
DARK, FADED = (0.25, 1), (0.12, 0.37)
MIN_JOINT = 0.008  # the width of what joins a mark to the border if it is fainter; the blades of scissors are wider
MAX_FADED = 1.5  # ratio of a fading stroke's extent to that of its dark part; a line on the paper reaches further
MIN_CHARACTER = 0.015  # length of a component; smaller ones are specks
MAX_SPECK = 0.1  # length of a mark that is still ignored if nothing else stands out
STRIPES = 0.04, 0.08  # the width of the stripes that are cut off a sheet
MIN_PAGE = 0.25  # fraction of the picture's area; smaller sheets may be labels, or boxes on a page
MIN_ON_PIECE = 0.05  # length of a character on paper that covers less than half of the picture
# The hole of a character that looks like a sheet: its area, as a fraction of the sheet's, and the ratio of its width to
# its length; a thick stroke is more elongated.
MIN_HOLE, MIN_ROUND = 0.25, 0.45
NOTHING = "no ink stands out from the paper; the picture must show one character or drawing"
FRAMES = "only frames, sheets or blots stand out from the paper; the picture must show one character or drawing"


def find_character(
    picture: Image.Image, drawing: bool, annotations: Image.Image | None = None, min_lines: int = MIN_LINES
) -> np.ndarray:
    """Return the ink (H, W) in [0, 1], cropped to the character; raise UserError unless there is exactly one.

    drawing: whether all ink counts as one character, however many parts it has; annotations: a mask of the picture's
    size, with what the first, coarser look found not to belong to the character; min_lines: fewer parallel lines are
    not erased.
    """
    scale = max(MIN_SIDE, min(SIDE, max(picture.size))) / max(picture.size)
    small = picture.resize([max(1, round(length * scale)) for length in picture.size])
    grey = np.asarray(small) / 255
    without_lines = erase_lines(grey, min_lines)
    may_be_cropped = not annotations and (drawing or max(picture.size) < SIDE)
    with_margin = add_margin(without_lines, drawing) if may_be_cropped else without_lines
    ink, solid = choose_ink(lift_shadow(with_margin), drawing)
    if annotations:
        ink = ink * ~np.asarray(annotations.resize(small.size))
    without_line = ink if drawing else erase_touching_line(ink)
    if without_line.max() <= 0.5:
        raise UserError(NOTHING)
    strokes, others = (choose_parts if drawing else choose_strokes)(without_line)
    if is_sheet(strokes, solid, MIN_FRAME):
        raise UserError(FRAMES)
    character = without_line * binary_dilation(strokes, NEIGHBOURS)
    rows, columns = (np.flatnonzero(character.any(axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    length = max(bottom - top, right - left)
    # Look again, more closely, but not if a line touches the character, because the line would reach across the crop,
    # or if a margin was added, because nothing is far from such a character.
    if scale < 0.8 and length < SIDE / 4 and without_line is ink and ink.shape == grey.shape:
        near = np.array([left, top, right, bottom]) + np.array([-1, -1, 1, 1]) * length / 2
        box = tuple((near / scale).clip(0, picture.size * 2).astype(int))
        unused = Image.fromarray(binary_dilation(others, NEIGHBOURS, iterations=2)).resize(picture.size)
        min_lines = MIN_LINES if (without_lines == grey).all() else 1
        return find_character(picture.crop(box), drawing, unused.crop(box), min_lines)
    return np.asarray(character[top:bottom, left:right])


def choose_ink(grey: np.ndarray, drawing: bool) -> tuple[np.ndarray, float]:
    """Return the ink (H, W) of the sheet with the largest mark, and how solid a mark must be to be a sheet itself.

    Small sheets come first: on a larger sheet, a smaller one and its character look like ink, too. Raise UserError if
    similar sheets have a character each, like the boxes of a form.
    """
    best, best_box, page, piece, framed = None, None, np.zeros_like(grey, bool), False, False
    own, region, found = page, page, []
    for sheet in sorted(find_sheets(grey), key=lambda sheet: sheet[1].sum()):
        marks = find_ink(grey, *sheet)
        area = sheet[1].mean()
        hole = MIN_HOLE * area * grey.size if area < 0.5 and not drawing else np.inf
        ink = drop_rectangles(marks, hole=hole, drawing=drawing)
        box = largest_box(ink)
        if box is None:
            mark = largest_box(marks)
            framed = framed or bool(mark and extent(mark) > MAX_SPECK * max(grey.shape))
            continue
        if is_beside(box, page, sheet[1]):
            continue
        height, width = (side.stop - side.start for side in box)
        found.append((sheet[1], height if width > MAX_WIDE * height else extent(box)))
        is_part = False
        if drawing and best is not None:  # a part of it may be inside an outline, or be an outline taken for a sheet
            is_outline = region.sum() < MIN_PAPER * own.sum() and (ink[region] > 0.5).mean() > 0.5
            is_part = is_outline or (ink[best > 0.5] > 0.5).mean() > 0.5
        if best_box is None or (extent(box) > extent(best_box) and (is_part or not encloses(box, best_box))):
            best, best_box, piece, own, region = ink, box, bool(area < 0.5), sheet[1], sheet[0]
        if box == best_box:
            page = sheet[1]
    if best_box and any(are_alike(own, extent(best_box), *other) for other in found):
        raise UserError(SEVERAL)
    if drawing and best is not None:
        best_box = find_objects((best > 0.5).astype(int))[0]  # around all parts
    if best is None or best_box is None or (piece and extent(best_box) < MIN_ON_PIECE * max(grey.shape)):
        cropped = find_cropped_ink(grey)
        if framed and cropped.max() <= 0.5:
            raise UserError(FRAMES)
        return cropped, MIN_SOLID_CROPPED
    return best, np.inf if drawing else MIN_SOLID_MARK


def add_margin(grey: np.ndarray, drawing: bool) -> np.ndarray:
    """Add a margin to a picture cropped to the character: its border is even paper, and all large marks reach it.

    If only some of the large marks reach the border, they may be lines, and the margin would hide that. A drawing comes
    near at least three of the four sides.
    """
    border = border_of(grey)
    paper, contrast = np.median(border), np.ptp(grey)
    marks, count = label(abs(grey - paper) > contrast / 4, NEIGHBOURS)
    sizes = np.bincount(marks.ravel(), minlength=count + 1)[1:]
    large = 1 + np.flatnonzero(sizes >= MIN_COMPONENT * sizes.max(initial=0))
    if drawing:
        near = max(1, round(NEAR_BORDER * max(grey.shape)))
        sides = marks[:near], marks[-near:], marks[:, :near], marks[:, -near:]
        is_cropped = sum(np.isin(side, large).any() for side in sides) > 2
    else:
        touching = np.isin(large, border_of(marks))
        is_cropped = bool(touching.any() and touching.all())
    is_even = (abs(border - paper) < EVEN * contrast).mean() > MIN_EVEN
    if not (is_even and is_cropped):
        return grey
    return np.pad(grey, round(MARGIN * max(grey.shape)), constant_values=paper)


def border_of(array: np.ndarray) -> np.ndarray:
    """Return the pixels (N,) on the four sides of an array (H, W)."""
    return np.concatenate([array[[0, -1]].ravel(), array[:, [0, -1]].ravel()])


def erase_lines(grey: np.ndarray, min_lines: int) -> np.ndarray:
    """Replace the lines across a picture by what is on both sides of them: paper, or a stroke.

    Lines are thin, dark or light, nearly level or upright, and reach across the picture. Strokes that are darker than
    dark lines, or lighter than light ones, stay.
    """
    for _ in range(2):  # dark lines, then light ones
        for _ in range(2):  # upright lines, then level ones
            grey = erase_level_lines(grey.T, min_lines)
        grey = -grey
    return grey


def erase_level_lines(grey: np.ndarray, min_lines: int) -> np.ndarray:
    """Erase the dark lines of one direction."""
    side = max(grey.shape)
    run, width = round(MIN_RUN * side), (round(MAX_LINE * side) + MAX_SLOPE, 1)
    paper = grey_closing(grey, [round(PAPER * side) | 1] * 2)
    darkness = paper - grey
    runs = grey_opening(grey_dilation(darkness, (MAX_SLOPE, 1)), (1, run))  # what is dark for the length of a piece
    narrow = runs - grey_opening(runs, width)
    thin = np.minimum(darkness, narrow) > max(MIN_EDGE, np.median(darkness) / 2, HALO * narrow.max())
    (rows, places), columns = np.nonzero(thin), np.arange(grey.shape[1])
    drops = [np.rint(slope / run * columns).astype(int) for slope in range(-MAX_SLOPE, MAX_SLOPE + 1)]
    # How far each column is shifted so that the lines are level, and their pixels in the fewest rows.
    shift = max((drop - drop.min() for drop in drops), key=lambda shift: (np.bincount(rows + shift[places]) ** 2).sum())
    level = np.arange(len(grey))[:, None] + shift
    straight, inside = np.zeros((2, level.max() + 1, len(columns)), np.uint8)
    straight[level, columns], inside[level, columns] = thin, 1
    joined = label(grey_dilation(straight, (1, round(MAX_GAP * side))))[0]  # across strokes
    boxes, pieces = find_objects(joined * straight), joined[level, columns] * thin
    across = inside.sum(1)  # how many pixels of each row are in the picture
    darkest = np.zeros(len(boxes) + 1)  # the darkness of each line, and 0 for other pieces
    for index, box in enumerate(boxes, 1):
        if box and box[1].stop - box[1].start >= max(run, MIN_LINE * across[box[0]].mean()):
            centre = (darkness * (pieces == index)).max(0)  # a line's edges are blurred
            if np.count_nonzero(centre) >= MIN_COVER * across[box[0]].mean():
                darkest[index] = np.percentile(centre[centre > 0], 25)  # a stroke may run along the line
    if np.count_nonzero(darkest) < min_lines:
        return grey
    line = np.median(darkest[darkest > 0])
    ink = np.percentile(darkness, 99.95)  # high enough to include a small character
    limit = np.maximum((line + ink) / 2, VARIES * darkest) if ink > INK * line else np.inf
    thin &= darkness < np.where(darkest, limit, 0)[pieces]
    return np.where(thin, grey_opening(np.where(thin, paper, grey), width), grey)


def lift_shadow(grey: np.ndarray) -> np.ndarray:
    """Brighten a shadow with straight edges: on one side of an edge, between two, or on both sides of a sunbeam."""
    size = round(SHADOW * max(grey.shape)) | 1
    paper = grey_closing(grey, [size] * 2)
    shadow = paper < threshold_otsu(paper)
    margin = max(size // 2, SHADOW_EDGE)  # closing fills the corners, and the profile needs both sides of an edge
    inner = np.zeros_like(shadow)
    inner[margin:-margin, margin:-margin] = True
    edges = inner & shadow & ~binary_erosion(shadow, NEIGHBOURS)
    steps = np.arange(-SHADOW_EDGE, SHADOW_EDGE + 1)
    behind, factors = [], []
    for _ in range(MAX_EDGES):
        distance = fit_edge(edges)
        if distance is None:
            break
        edges &= abs(distance) >= SHADOW_BLUR * max(grey.shape)
        profile = np.array([np.median(grey[abs(distance - step) < 1]) for step in steps]).clip(0.01)
        if profile[0] > profile[-1]:
            distance, profile = -distance, profile[::-1]
        if not MIN_SHADOW < profile[0] / profile[-1] < MAX_SHADOW:
            return grey
        behind.append(distance < 0)
        factors.append(profile[-1] / np.interp(distance, steps, profile))
    for combine, factor in ((np.logical_and, np.minimum), (np.logical_or, np.maximum)):  # between edges, or beside them
        darker = combine.reduce(behind)
        if factors and (darker == shadow)[inner].mean() > MIN_STRAIGHT:
            if len(factors) > 1 and not reaches_border(darker, grey < threshold_otsu(paper)):
                return grey
            lifted: np.ndarray = (grey * factor.reduce(factors)).clip(0, 1)
            sides = [np.median(side) for side in (lifted[0], lifted[-1], lifted[:, 0], lifted[:, -1])]
            return lifted if min(sides) > MIN_LIFTED * max(sides) else grey
    return grey


def reaches_border(shadow: np.ndarray, dark: np.ndarray) -> bool:
    """Return whether a shadow is dark, and what it does not cover is light, wherever they reach the picture's border.

    A thick stroke, such as a 1, ends before the border. Both: masks (H, W).
    """
    border = np.ones_like(shadow)
    border[OUTERMOST:-OUTERMOST, OUTERMOST:-OUTERMOST] = False
    for part in (shadow, ~shadow):
        pieces, count = label(part & border, NEIGHBOURS)
        if (mean(shadow == dark, pieces, np.arange(1, count + 1)) < 0.5).any():
            return False
    return True


def fit_edge(edges: np.ndarray) -> np.ndarray | None:
    """Fit a line to the longest edge in a mask (H, W), and return each pixel's distance from it, or None if it is bent.

    What is far from the line, such as crossing ink, is dropped.
    """
    if not edges.any():
        return None
    pieces, _ = label(edges, NEIGHBOURS)
    edge = np.argwhere(pieces == np.bincount(pieces[edges]).argmax())
    distance = None
    for _ in range(FITS):
        if len(edge) < MIN_SHADOW_EDGE * max(edges.shape):
            return None
        centre = edge.mean(0)
        normal = np.linalg.svd(edge - centre, full_matrices=False)[2][-1]
        distance = (np.moveaxis(np.indices(edges.shape), 0, 2) - centre) @ normal
        edge = np.argwhere(edges & (abs(distance) < SHADOW_BLUR * max(edges.shape)))
    return distance


def find_sheets(grey: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return every uniform region that may be the sheet, and the whole sheet: the region with its convex hull."""
    gradient = gaussian_gradient_magnitude(grey, 1)
    edge = max(MIN_EDGE, 4 * np.median(gradient))
    uniform = [gradient < limit for limit in sorted({edge, max(MIN_EDGE_ON_FOLDS, edge)})]
    light = grey > grey.mean()  # as are the stripes of a cloth that may be joined to the sheet
    cut = (grey_opening(mask & light, [round(width * max(grey.shape))] * 2) for width in STRIPES for mask in uniform)
    return [*sheets_among(uniform, grey)] or [*sheets_among(cut, grey)]


def sheets_among(masks: Iterable[np.ndarray], grey: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield every component of the masks that may be the sheet, and the whole sheet."""
    for mask in masks:
        regions, _ = label(mask)
        sizes = np.bincount(regions[mask])
        for index in np.flatnonzero(sizes >= MIN_SHEET * grey.size):
            region = regions == index
            if is_sheet(region, whole=MIN_ROW) or carries_ink(region, grey):
                hull = Image.new("1", grey.shape[::-1])
                ImageDraw.Draw(hull).polygon(hull_of(region)[0].round().astype(int).ravel().tolist(), fill=1)
                yield region, np.asarray(hull) | region


def is_sheet(
    region: np.ndarray, solid: float = MIN_SOLID, rectangle: float = MIN_RECTANGLE, whole: float = MIN_WHOLE
) -> bool:
    """Return whether a region, unlike strokes, fills its hull or is a rectangle once its holes are filled.

    solid, rectangle: the least that such a rectangle fills of its hull, and of the smallest rectangle around it; whole:
    the fraction of the picture's area above which a region may be long and narrow.
    """
    corners, area = hull_of(region)
    if area < MIN_SHEET * region.size:
        return False
    angles = np.arange(0, np.pi / 2, np.pi / 90)
    widths, heights = (
        np.ptp(corners @ np.stack([np.cos(turned), np.sin(turned)]), axis=0) for turned in (angles, angles + np.pi / 2)
    )
    best = (widths * heights).argmin()
    sides = widths[best], heights[best]
    if max(sides) > MAX_ASPECT * min(sides) and area < whole * region.size:
        return False
    if region.sum() > MIN_CONVEX_SHEET * area:
        return True
    if binary_fill_holes(region).sum() < solid * area:
        return False
    return area > rectangle * widths[best] * heights[best] or quadrilateral(corners) > rectangle * area


def carries_ink(region: np.ndarray, grey: np.ndarray) -> bool:
    """Return whether a region, such as a disc or torn paper, contains what looks like ink, not like the hole of a 0."""
    area, filled = hull_of(region)[1], binary_fill_holes(region)
    if region.sum() < MIN_PAPER * area or filled.sum() < MIN_FILLED * area:
        return False
    contrast = grey - np.median(grey[region])
    strongest = contrast[filled].flat[abs(contrast[filled]).argmax()]
    if min(abs(np.median(border_of(contrast))), abs(strongest)) < MIN_CONTRAST:
        return False
    marks, _ = label(filled & (contrast * strongest > strongest**2 / 2), NEIGHBOURS)
    mark = marks == np.bincount(marks[marks > 0]).argmax()
    solid, is_round, ratio = mark.sum() / hull_of(mark)[1], thickness(filled) > MIN_DISC, thickness(mark)
    (height, width), (mark_height, mark_width) = (np.ptp(np.argwhere(part), axis=0) for part in (filled, mark))
    is_across = width > MIN_WIDE * height and mark_height > max(2 * mark_width, MIN_ENCLOSED * height)
    if solid < MAX_BENT or (is_round and ratio < MAX_STRAIGHT) or (is_across and ratio < MAX_ONE):
        return True
    dents = (area - filled.sum()) / np.sqrt(area)
    return bool(dents < MAX_DENTS and solid < (MAX_ON_DISC if is_round else MAX_ON_OVAL))


def quadrilateral(corners: np.ndarray) -> float:
    """Compute the area of the largest quadrilateral whose corners are among the given ones."""
    lines = corners - corners[:, None]
    doubled = lines[:, :, None, 0] * lines[:, None, :, 1] - lines[:, :, None, 1] * lines[:, None, :, 0]
    return float(np.ptp(doubled, axis=2).max() / 2)


def find_ink(grey: np.ndarray, uniform: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """Compute the amount of ink (H, W) in [0, 1] on a sheet, relative to the surrounding paper; without ink, all 0."""
    far, near = PAPER_BLUR * max(grey.shape), SHADOW_BLUR * max(grey.shape)
    around = (gaussian(grey * uniform, far) + 1e-3 * grey[uniform].mean()) / (gaussian(uniform * 1.0, far) + 1e-3)
    paper = gaussian(np.where(uniform, grey, around), near)
    contrast = grey - paper
    noise = 1.5 * np.median(abs(grey - around)[uniform])
    marks = (abs(contrast) > max(MIN_CONTRAST / 2, NOISE * noise)) & sheet
    border = sheet & ~binary_erosion(sheet)
    components, _ = label(marks, NEIGHBOURS)
    outside = np.isin(components, components[border]) & marks
    inside = marks & ~outside
    if contrast[inside].sum() < 0:
        contrast = 1 - grey / paper.clip(0.05)
    strong = contrast[inside].clip(0)
    if not strong.any():
        return np.zeros_like(grey)
    # A high percentile, because much may be fainter than ink, such as a highlighter's band behind the character.
    full = np.median(strong[strong > 0.5 * np.percentile(strong, 96)])
    if full < max(MIN_CONTRAST, NOISE * noise):
        return np.zeros_like(grey)
    # Dark ink that is joined to the border only by what is thin and fainter, such as a line of the paper, is inside.
    dark = outside & (contrast > full / 2)
    thick = binary_opening(outside & ~dark, np.ones([round(MIN_JOINT * max(grey.shape))] * 2))
    components, _ = label(dark | thick, NEIGHBOURS)
    outside &= ~binary_dilation(dark & ~np.isin(components, components[border]), NEIGHBOURS, iterations=2)
    ink: np.ndarray = amount(contrast / full) * (sheet & ~outside)
    return ink


def amount(contrast: np.ndarray) -> np.ndarray:
    """Map contrast (H, W) to the amount of ink; where a dark stroke fades, a low contrast means a lot of ink.

    A stroke fades under the reflection of a lamp, for example. What reaches far beyond the dark ink that it touches is
    a line on the paper, not a stroke.
    """
    dark, faded = (np.clip((contrast - low) / (high - low), 0, 1) for low, high in (DARK, FADED))
    strokes, count = label(faded > 0.5, NEIGHBOURS)
    boxes = zip(find_objects(strokes), find_objects(strokes * (dark > 0.5), count), strict=True)
    fades = [bool(inner) and extent(outer) <= MAX_FADED * extent(inner) for outer, inner in boxes]
    ink: np.ndarray = np.where(np.array([False, *fades])[strokes], faded, dark)
    return ink


def drop_rectangles(
    ink: np.ndarray, solid: float = MIN_SOLID_MARK, hole: float = np.inf, drawing: bool = False
) -> np.ndarray:
    """Remove specks, sheets, frames and headings, and the holes of a character that looks like a sheet.

    hole: convex components that are round, or have more pixels than this, count as holes; if it is inf, nothing does;
    drawing: whether to keep frames and level bars.
    """
    components, count = label(ink > 0.5, NEIGHBOURS)
    boxes = find_objects(components)
    lengths = np.array([0, *map(extent, boxes)])
    drop, bars = np.zeros((2, count + 1), bool)
    for index, box in enumerate(boxes, 1):
        if lengths[index] < MIN_CHARACTER * max(ink.shape):
            drop[index] = True
            continue
        region = components == index
        size, (height, width) = region.sum(), region[box].shape
        area = hull_of(region)[1]
        convex, kept_frame = size > MIN_CONVEX * area, drawing and size < MIN_FILLED * area
        drop[index] = (not kept_frame and is_sheet(region, solid, MIN_FRAME)) or (
            hole < np.inf and convex and (size > hole or thickness(region) > MIN_ROUND)
        )
        bars[index] = not drawing and convex and width > MAX_ASPECT * height
    longest = lengths[~drop & ~bars].max()
    if longest > MIN_ON_PIECE * max(ink.shape):
        drop |= bars & (lengths > MIN_HEADING * longest)
    kept: np.ndarray = ink * ~binary_dilation(drop[components], NEIGHBOURS)
    return kept


def largest_box(ink: np.ndarray) -> tuple[slice, slice] | None:
    """Return the box around the longest component of the ink, if there is one."""
    components, _ = label(ink > 0.5, NEIGHBOURS)
    return max(find_objects(components), key=extent, default=None)


def is_beside(mark: tuple[slice, slice], page: np.ndarray, desk: np.ndarray) -> bool:
    """Return whether a mark on a desk, such as a pencil, is beside the page on that desk. page, desk: masks (H, W)."""
    return page.mean() >= MIN_PAGE and desk[page].mean() > 0.5 and not page[mark].any()


def are_alike(sheet: np.ndarray, length: int, other: np.ndarray, other_length: int) -> bool:
    """Return whether two sheets are of similar size, lie apart, and have marks of similar length (in pixels)."""
    areas, lengths = sorted((sheet.sum(), other.sum())), sorted((length, other_length))
    is_similar = areas[0] > MIN_ALIKE * areas[1] and lengths[0] > MIN_ALIKE_MARK * lengths[1]
    return bool(is_similar and (sheet & other).sum() < MAX_COMMON * areas[0])


def encloses(outer: tuple[slice, slice], inner: tuple[slice, slice]) -> bool:
    """Return whether one box lies inside another without touching its sides."""
    return all(o.start < i.start and i.stop < o.stop for o, i in zip(outer, inner, strict=True))


def find_cropped_ink(grey: np.ndarray) -> np.ndarray:
    """Compute the amount of ink (H, W) of a picture that is cropped to the character, so that its paper is in pieces.

    Ink is the brighter or the darker region: the one that is less fragmented, and touches less of the border.
    """
    if np.ptp(grey) < MIN_CONTRAST:
        return np.zeros_like(grey)
    dark = grey <= threshold_otsu(grey)
    scores, levels, noise = [], [], []
    for mask in (dark, ~dark):
        sizes = np.bincount(label(mask)[0][mask])
        scores.append(sizes.max() / sizes.sum() * (1 - border_of(mask).mean()))
        levels.append(np.median(grey[mask]))
        noise.append(1.5 * np.median(abs(grey[mask] - levels[-1])))
    if levels[1] - levels[0] < max(MIN_CONTRAST, NOISE * max(noise)):
        return np.zeros_like(grey)
    light = (grey - levels[0]) / (levels[1] - levels[0])
    ink = amount(light if scores[1] > scores[0] else 1 - light)
    # A line is too thin for a character that fills the picture, and the grain of a desk that touches an empty sheet
    # must not hide the outline of the sheet.
    strokes = binary_opening(ink > 0.5, np.ones((GRAIN, GRAIN)))
    if not strokes.any() or is_cloth(ink > 0.5) or is_sheet(strokes, MIN_SOLID_CROPPED, MIN_FRAME):
        return np.zeros_like(grey)
    return drop_rectangles(ink, MIN_SOLID_CROPPED)


def is_cloth(marks: np.ndarray) -> bool:
    """Return whether one of the marks leaves the picture as often as the stripes or checks of a cloth do."""
    components, _ = label(marks, NEIGHBOURS)
    sides = components[0], components[-1], components[:, 0], components[:, -1]
    begins = np.concatenate([side[1:][np.diff(side) != 0] for side in sides])  # labels of what begins along the border
    return bool(np.bincount(begins, minlength=2)[1:].max() > MAX_ENDS)
