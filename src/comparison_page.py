"""A comparison and the images of the mistakes on both sides in, a self-contained HTML page out."""

import base64
from typing import Any

import numpy as np

from src.compare import Comparison, Result
from src.page import TEMPLATES, position
from src.tiles import COLUMNS, to_sheet


def comparison_page(made: Comparison, base_images: np.ndarray, other_images: np.ndarray) -> str:
    """The page; images: uint8 (E, C, H, W), of each side's mistakes in the order of their indices."""
    fixed = base_images[_places(made.base, made.fixed)]
    broken = other_images[_places(made.other, made.broken)]
    images = np.concatenate([fixed, broken])
    rows = max(1, -(-len(images) // COLUMNS))

    def group(name: str, text: str, result: Result, indices: list[int], start: int) -> dict[str, Any]:
        shown = [
            {"index": index, "position": position(place, rows), **result.mistakes[index]._asdict()}
            for place, index in enumerate(indices, start)
        ]
        return {"name": name, "text": text, "images": shown}

    return TEMPLATES.get_template("comparison.html").render(
        base=made.base.name,
        other=made.other.name,
        verdict=made.verdict,
        p_value=f"{made.p_value:.2g}",
        wrong_in_both=len(made.wrong_in_both),
        detectable=made.detectable,
        total=f"{made.images:,}",
        groups=[
            group("Fixed", f"Wrong in {made.base.name}, right in {made.other.name}.", made.base, made.fixed, 0),
            group(
                "Broken", f"Right in {made.base.name}, wrong in {made.other.name}.", made.other, made.broken, len(fixed)
            ),
        ],
        sheet=base64.b64encode(to_sheet(images)).decode(),
        tile={"height": images.shape[2], "width": images.shape[3], "columns": COLUMNS, "rows": rows},
    )


def _places(result: Result, indices: list[int]) -> list[int]:
    place = {index: place for place, index in enumerate(result.mistakes)}
    return [place[index] for index in indices]
