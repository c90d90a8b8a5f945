"""A comparison as an HTML page that shows the fixed and the broken images."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from src.common.sprites import make_sprite_sheet
from src.compare.comparison import Comparison
from src.compare.markdown import SAME_METRICS, SAME_PARAMETERS, data_sentences, metric_rows, parameter_rows
from src.compare.revisions import Result
from src.pictures.fitting import fit_picture
from src.report.html import encode, render, sprite_position, sprite_size

TEMPLATE = Path(__file__).parent / "comparison.html"


def comparison_page(comparison: Comparison, base_images: np.ndarray, other_images: np.ndarray) -> str:
    """Render the page.

    base_images, other_images: uint8 (E, C, H, W), the misclassified images in the order of each side's `errors`. Those
    of base are given the shape of other's.
    """
    base, other = comparison.base, comparison.other
    # An image that is fixed only because it was relabelled has no picture: it is not among base's errors.
    shown = [index for index in comparison.fixed if index in base.errors]
    broken = other_images[_places(other, comparison.broken)]
    fixed = _fit_to(broken, base_images[_places(base, shown)])
    images = np.concatenate([fixed, broken])
    count, _, height, width = images.shape

    def describe(result: Result, indices: list[int], first_place: int) -> list[dict[str, Any]]:
        return [
            {"position": sprite_position(place, count), **asdict(result.errors[index])}
            for place, index in enumerate(indices, first_place)
        ]

    before, after = comparison.accuracies
    return render(
        TEMPLATE,
        base=base.name,
        other=other.name,
        verdict=comparison.verdict,
        accuracy=f"{after:.2%}",
        accuracy_before=f"{before:.2%}",
        data=" ".join(data_sentences(comparison)),
        fixed_count=len(comparison.fixed),
        params=parameter_rows(comparison),
        no_params=SAME_PARAMETERS,
        metrics=metric_rows(base, other),
        no_metrics=SAME_METRICS,
        p_value=f"{comparison.p_value:.2g}",
        errors_in_both=len(comparison.errors_in_both),
        differing=len(comparison.fixed) + len(comparison.broken),
        detectable=comparison.detectable,
        total=f"{comparison.images:,}",
        fixed=describe(base, shown, 0),
        broken=describe(other, comparison.broken, len(fixed)),
        sheet=encode(make_sprite_sheet(images)),
        tile=sprite_size(count, height, width),
    )


def _fit_to(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return `others` with the channels and the size of `images`, both uint8 (N, C, H, W)."""
    if images.shape[1:] == others.shape[1:]:
        return others
    pictures = (Image.fromarray(other.transpose(1, 2, 0).squeeze()) for other in others)
    return np.array([fit_picture(picture, "pad", images.shape[1:]) for picture in pictures], np.uint8).reshape(
        -1, *images.shape[1:]
    )


def _places(result: Result, indices: list[int]) -> list[int]:
    place_of = {index: place for place, index in enumerate(result.errors)}
    return [place_of[index] for index in indices]
