"""Tell the strokes of a character, or the parts of a drawing, from specks and from what is around them."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import (
    binary_dilation,
    binary_fill_holes,
    binary_opening,
    distance_transform_edt,
    find_objects,
    label,
    maximum,
)
from scipy.spatial import ConvexHull

from src.common.errors import UserError

NEIGHBOURS = np.ones((3, 3))  # diagonal ones, too
MIN_COMPONENT = 0.1  # fraction of the largest component's size; smaller components may be specks
MIN_DOT = 0.5  # minimum thickness of a dot or accent, as a fraction of the largest stroke's
MAX_COMPONENTS = 4  # of a character
MIN_PART = 0.02  # fraction of the size of a drawing's largest part; what is smaller is a speck
MAX_LARGE = 20  # large components, including lines and circles
MIN_DASHES, MIN_BLOCKS = 5, 3  # in a row of small marks, and in one of solid marks apart from the longest component
MIN_GAP = 0.25  # between such a row and the longest component's side, relative to its length; broken strokes are closer
MAX_DASH, MAX_UNLIKE = 0.5, 1.8  # a dash's length relative to the longest component's, and its size to another dash's
MAX_APART = 0.5  # of the length of the largest component: how far from it others may be
MIN_CONVEX = 0.9  # fraction of its convex hull that a component without a bend or hole, such as a dot, fills
MAX_THICKNESS, MAX_SLANT = 0.15, 0.3  # of a line: ratios of its width to its length, and of the sides of its box
# The smallest ratios of the length of a line to that of a character: for two level lines below it; for one below it,
# touching it, or anywhere; for a line in any other direction, such as a pen; and for a slanted one close to it.
MIN_DOUBLE, MIN_UNDERLINE, MIN_TOUCHING, MIN_LONG, MIN_LONG_SLANTED, MIN_LONG_CLOSE = 0.8, 1.1, 1.25, 1.5, 1.8, 2
# The gap below which a slanted line is close, as a fraction of its length, and how far a close one extends beyond the
# character at both ends, as a fraction of the character's length; what extends less may be the stem of a 9 or a 6.
MIN_AWAY, MIN_BEYOND_CLOSE = 0.08, 0.5
# How far the middle of a character is from that of an upright line, as a fraction of the line's length, and the ratio
# of the lengths: beyond the first and below the second, the line may be a 1 beside a smaller character.
MAX_OFF, MAX_LONG_ONE = 0.2, 3
# Fractions of the height of a character: how far a line reaches beyond it on both sides, and how low a touching one is.
MIN_BEYOND, MIN_LOW = 0.1, 0.8
MAX_STEP = 5  # pixels by which a line may rise or fall over the height of a character
# The slash in a 0 is more slanted than a 1 in a circle, or the 0 is taller than a circle: ratios of the sides of boxes.
MIN_SLASH, MAX_CIRCLE = 0.7, 1.5
# As fractions of a circle's height: the height of a character in it, and of a bent one, which cannot be the dot in a 0.
MIN_ENCLOSED, MIN_ENCLOSED_BENT = 0.3, 0.15
MAX_OPEN = 1.5  # ratio of the size of a circle whose ends do not meet, with its holes filled, to its size as it is
DIRECTION, MIN_SURROUNDED = 5, 0.9  # degrees; fraction of the directions in which a circle or box surrounds a character
# The gap between two characters, one above the other or side by side, as a fraction of the longest component's length.
MIN_ABOVE, MIN_BESIDE = 0.16, 0.2
# The same beside a 1, and how far apart the lower ends may be, as fractions of the height; the ratio of a 1's width to
# its length.
MIN_BESIDE_ONE, MAX_UNEVEN, MAX_ONE = 0.06, 0.22, 0.2
# For a smaller character beside the longest component, such as an exponent, as fractions of the longer length: its
# least length, the greatest of one that is bent but has no loop, the least of a 1, and the gap beside such a 1.
MIN_SMALLER, MAX_SMALLER, MIN_SMALLER_ONE, MIN_BESIDE_SMALLER_ONE = 0.25, 0.6, 0.4, 0.1
MIN_LOOP, MAX_SOLID = 0.03, 0.7  # fractions of a character's hull: the size of a loop, and what a bent character fills
SEVERAL = "there are several characters; the picture must show one"


def choose_strokes(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return masks (H, W) of the one character and of what is around it, such as an underline; ink: some above 0.5.

    Raise UserError if there are several characters.
    """
    components, count = label(ink > 0.5, NEIGHBOURS)
    sizes = np.bincount(components.ravel())[1:]
    slices = find_objects(components)
    boxes = np.array([[[side.start, side.stop] for side in box] for box in slices])
    solid = np.array([is_solid(components[box] == place) for place, box in enumerate(slices, 1)])
    in_row = find_rows(boxes, solid)
    is_large = (sizes >= MIN_COMPONENT * sizes.max()) & ~in_row
    large = np.flatnonzero(is_large)
    if len(large) > MAX_LARGE:
        raise UserError(SEVERAL)
    masks = [components == place + 1 for place in large]
    ratios = np.array([thickness(mask) for mask in masks])
    thin = ratios < MAX_THICKNESS
    unused = np.array([is_annotation(place, masks, boxes[large], thin) for place in range(len(large))])
    strokes, annotations = large[~unused], np.append(large[unused], np.flatnonzero(in_row))
    if not 0 < len(strokes) <= MAX_COMPONENTS or are_several(boxes[strokes], ratios[~unused] < MAX_ONE):
        raise UserError(SEVERAL)
    longest = max(strokes, key=lambda place: extent(slices[place]))
    is_one = bool(ratios[large == longest] < MAX_ONE)
    for place in np.setdiff1d(np.arange(count), [*annotations, longest]):
        if is_another(components[slices[place]] == place + 1, boxes[place], boxes[longest], is_one):
            raise UserError(SEVERAL)
    largest = strokes[sizes[strokes].argmax()]
    gaps = np.maximum(boxes[:, :, 0] - boxes[largest, :, 1], boxes[largest, :, 0] - boxes[:, :, 1])
    near = (gaps.max(1) < MAX_APART * np.ptp(boxes[largest], 1).max()) & ~in_row
    belongs = near & ~is_large & (gaps[:, 0] > 0) & (gaps[:, 1] <= 0)  # above or below: dots and accents, if not specks
    if belongs.any():
        depths = maximum(distance_transform_edt(components), components, np.arange(1, count + 1))
        belongs &= depths >= MIN_DOT * depths[largest]
    if len(strokes) + belongs.sum() > MAX_COMPONENTS:  # a word, for example
        belongs[:] = False
    belongs[strokes] = near[strokes]
    return np.append(False, belongs)[components], np.isin(components, annotations + 1)


def choose_parts(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return masks (H, W) of a drawing, which is all ink but specks, and of the specks; ink: some above 0.5."""
    components, count = label(ink > 0.5, NEIGHBOURS)
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    depths = np.append(0, maximum(distance_transform_edt(components), components, np.arange(1, count + 1)))
    is_dot = depths >= MIN_DOT * depths[sizes.argmax()]
    parts = (is_dot | (sizes >= MIN_PART * sizes.max()))[components]
    return parts, (components > 0) & ~parts


def find_rows(boxes: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """Return which components (N,) form a level or upright row of small, similar ones: a dashed line, or a palette.

    A row inside the longest component, such as digits in a circle, does not count. boxes: (N, axis, start and stop);
    solid: which are not bent (N,); bent ones must be even smaller, because larger ones may be characters.
    """
    centres, sizes = boxes.mean(2), np.ptp(boxes, 2)
    lengths = sizes.max(1)
    longest = boxes[lengths.argmax()]
    beyond = ((boxes[:, :, 0] < longest[:, 0]) | (boxes[:, :, 1] > longest[:, 1])).any(1)
    gaps = np.maximum(boxes[:, :, 0] - longest[:, 1], longest[:, 0] - boxes[:, :, 1])
    is_block = solid[:, None] & (gaps > MIN_GAP * lengths.max())  # (N, axis): well above or below, or beside
    small = beyond & (lengths < np.where(solid, MAX_DASH, MIN_SMALLER) * lengths.max())
    rows = np.zeros(len(boxes), bool)
    for centre, size in zip(centres[small], sizes[small], strict=True):
        similar = small & (sizes > size / MAX_UNLIKE).all(1) & (sizes < size * MAX_UNLIKE).all(1)
        for aligned, blocks in zip((abs(centres - centre) < size / 2).T, is_block.T, strict=True):
            row = similar & aligned
            if row.sum() >= (MIN_BLOCKS if blocks[row].all() else MIN_DASHES):
                rows |= row
    return rows


def erase_touching_line(ink: np.ndarray) -> np.ndarray:
    """Return ink (H, W) without the level line on which the longest component stands; if there is none, ink itself."""
    components, count = label(ink > 0.5, NEIGHBOURS)
    if not count:
        return ink
    boxes = find_objects(components)
    longest = max(range(count), key=lambda index: extent(boxes[index]))
    mask = components[boxes[longest]] == longest + 1
    height, width = mask.shape
    line = np.median(mask.sum(0))  # its thickness: in most columns, there is nothing but the line
    if width < MIN_TOUCHING * height or line > MAX_THICKNESS * height:
        return ink
    runs = binary_opening(binary_dilation(mask, np.ones((MAX_STEP, 1))), np.ones((1, round(MIN_UNDERLINE * height))))
    on_line = mask & runs & ~binary_opening(mask, np.ones((round(line) + 2, 1)))
    columns, used = np.flatnonzero(on_line.any(0)), np.flatnonzero((mask & ~runs).any(0))
    if not len(columns) or not len(used):
        return ink
    beyond = min(used[0] - columns[0], columns[-1] - used[-1])
    if beyond < MIN_BEYOND * height or np.flatnonzero(on_line.any(1)).mean() < MIN_LOW * height:
        return ink
    erased = ink.copy()
    erased[boxes[longest]][on_line] = 0
    return erased


def is_annotation(place: int, masks: Sequence[np.ndarray], boxes: np.ndarray, thin: np.ndarray) -> bool:
    """Return whether a component is a line beside the others, or surrounds one of them, like a circle or a box.

    masks: one per component, (H, W) each; boxes: (N, axis, start and stop); thin: which are straight strokes, (N,).
    """
    heights, widths = np.ptp(boxes, 2).T
    height, width = heights[place], widths[place]
    if not thin[place]:
        inside = (boxes[place, :, 0] < boxes[:, :, 0]).all(1) & (boxes[:, :, 1] < boxes[place, :, 1]).all(1)
        slash = thin & ((widths > MIN_SLASH * heights) | (height > MAX_CIRCLE * width))  # of a 0
        inside &= (heights > MIN_ENCLOSED_BENT * height) & ~slash
        return any(
            surrounds(masks[place], mask)
            for mask, is_inside, is_tall in zip(masks, inside, heights > MIN_ENCLOSED * height, strict=True)
            if is_inside and (is_tall or (is_circle(masks[place]) and not is_solid(mask)))
        )
    level, upright = height < MAX_SLANT * width, width < MAX_SLANT * height
    others = boxes[~thin | (level & (heights > widths))]
    if not len(others):
        return False
    start, stop = others[:, :, 0].min(0), others[:, :, 1].max(0)
    beyond = np.minimum(start - boxes[place, :, 0], boxes[place, :, 1] - stop)  # vertically, horizontally
    size = (stop - start).max()
    if level:
        below = thin & (heights < MAX_SLANT * widths) & (boxes[:, 0, 0] >= stop[0] - heights)
        shortest = MIN_UNDERLINE if below.sum() == 1 else MIN_DOUBLE
        is_below = below[place] and width > shortest * (stop - start)[1]
        return bool(is_below or width > MIN_LONG * size)
    off = abs(boxes[place, 0].mean() - (start + stop)[0] / 2)
    apart = max(start[1] - boxes[place, 1, 1], boxes[place, 1, 0] - stop[1]) >= 0
    if apart and width < height < size * (MIN_LONG_CLOSE if off < MAX_OFF * height else MAX_LONG_ONE):
        return False  # it may be a 1 beside a smaller character
    length = max(height, width)
    if length <= MIN_LONG_SLANTED * size:
        return False
    if upright:
        return bool(beyond[0] > MIN_BEYOND * size)
    away = distance_transform_edt(~masks[place])
    rest = [mask for index, mask in enumerate(masks) if index != place]
    bent = any(mask.sum() < MIN_CONVEX * hull_of(mask)[1] for mask in rest)  # not only a dot or a bar of a 1
    is_pen = MIN_LONG_CLOSE * size < length < size / MIN_SMALLER and beyond.max() > MIN_BEYOND_CLOSE * size
    return bent and (is_pen or min(away[mask].min() for mask in rest) > MIN_AWAY * length)


def hull_of(region: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the corners (x, y) of a region's convex hull, and its area."""
    rows = np.flatnonzero(region.any(1))
    left = region[rows].argmax(1)
    right = region.shape[1] - 1 - region[rows, ::-1].argmax(1)
    ends = np.concatenate([np.stack([side, rows], 1) for side in (left, right)])
    points = np.concatenate([ends + offset for offset in ((-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5))])
    hull = ConvexHull(points)
    return points[hull.vertices], hull.volume


def thickness(mask: np.ndarray) -> float:
    """Return the ratio of the width of a component (H, W) to its length; that of a straight stroke is small."""
    shorter, longer = np.linalg.eigvalsh(np.cov(np.argwhere(mask).T, bias=True))
    return float(np.sqrt(max(shorter, 0) / longer)) if longer else 1.0


def surrounds(outer: np.ndarray, inner: np.ndarray) -> bool:
    """Return whether a component lies around the centre of another, in nearly all directions. Both: (H, W)."""
    rows, columns = (np.argwhere(outer) - np.argwhere(inner).mean(0)).T
    directions = np.arctan2(rows, columns) // np.radians(DIRECTION)
    return len(np.unique(directions)) > MIN_SURROUNDED * 360 / DIRECTION


def are_several(boxes: np.ndarray, straight: np.ndarray) -> bool:
    """Return whether components of similar size stand side by side, one above the other, or in a grid.

    boxes: (N, axis, start and stop); straight: which may be a 1, (N,).
    """
    heights, widths = np.ptp(boxes, axis=2).T
    lengths = np.maximum(heights, widths)
    is_similar = (lengths >= 0.5 * lengths.max()) & (heights >= 0.5 * widths)
    similar, straight = boxes[is_similar], straight[is_similar]
    if len(similar) < 2:
        return False
    (above, bottom), (beside, _) = (largest_gap(similar[:, axis]) for axis in (0, 1))
    height, width = boxes[:, :, 1].max(0) - boxes[:, :, 0].min(0)
    if above >= MIN_ABOVE * lengths.max() or beside >= MIN_BESIDE * lengths.max():
        return True
    if beside >= 0 and width >= 1.1 * height:
        return True
    heights, widths = np.ptp(similar, axis=2).T
    even = np.ptp(similar[:, 0, 1]) <= MAX_UNEVEN * heights.max()
    if even and straight.any() and beside >= MIN_BESIDE_ONE * heights.max():
        return True
    upper = similar[:, 0, 1] <= bottom
    return above >= 0 and any(are_several(similar[part], straight[part]) for part in (upper, ~upper))


def is_another(mask: np.ndarray, box: np.ndarray, longest: np.ndarray, is_one: bool) -> bool:
    """Return whether a component is a smaller character to the left or right of the longest: with a loop, bent, or a 1.

    mask: the component, cut out; box, longest: (axis, start and stop); is_one: whether the longest may be a 1.
    """
    length, size = np.ptp(longest, 1).max(), max(mask.shape)
    left, right = longest[1, 0] - box[1, 1], box[1, 0] - longest[1, 1]
    gap = max(left, right) / length
    is_part = is_one and left > right and box[0].mean() < longest[0].mean()  # of a 4 or a 9 whose stem is apart
    if size < MIN_SMALLER * length or gap < (MIN_BESIDE if is_part else MIN_BESIDE_ONE):
        return False
    if thickness(mask) < MAX_ONE:
        is_upright = mask.shape[0] >= mask.shape[1]
        return bool(is_upright and size > MIN_SMALLER_ONE * length and gap >= MIN_BESIDE_SMALLER_ONE)
    area = hull_of(mask)[1]
    is_bent = mask.sum() < MAX_SOLID * area and (size < MAX_SMALLER * length or (is_one and right > left))
    return bool(is_bent or binary_fill_holes(mask).sum() - mask.sum() > MIN_LOOP * area)


def largest_gap(spans: np.ndarray) -> tuple[int, int]:
    """Return the largest gap between spans (N, start and stop) of pixels, -1 if there is none, and where it starts."""
    ordered = spans[spans[:, 0].argsort()]
    stops = np.maximum.accumulate(ordered[:, 1])
    gaps = np.append(ordered[1:, 0] - stops[:-1], -1)
    return int(gaps.max()), int(stops[gaps.argmax()])


def is_solid(mask: np.ndarray) -> bool:
    """Return whether a component (H, W) fills most of its convex hull, unlike a bent character."""
    return bool(mask.sum() > MAX_SOLID * hull_of(mask)[1])


def is_circle(mask: np.ndarray) -> bool:
    """Return whether a component (H, W) is open or encloses a convex area, unlike the outline of a 6."""
    filled = binary_fill_holes(mask).sum()
    return bool(filled < MAX_OPEN * mask.sum() or filled > MIN_CONVEX * hull_of(mask)[1])


def extent(box: tuple[slice, slice]) -> int:
    """Return the length of a box's longer side, in pixels."""
    return int(max(side.stop - side.start for side in box))
