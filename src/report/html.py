"""Render self-contained HTML pages from templates."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from src.common.sprites import COLUMNS, count_rows

HERE = Path(__file__).parent


def render(template: Path, **values: Any) -> str:
    """Render a template, which may extend base.html; values are escaped."""
    loader = FileSystemLoader([template.parent, HERE])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(template.name).render(values)


def encode(data: bytes) -> str:
    """Encode a picture for a data URL."""
    return base64.b64encode(data).decode()


def sprite_position(index: int, count: int) -> str:
    """Return the CSS background-position of an image in a sprite sheet of count images."""
    row, column = divmod(index, COLUMNS)
    return f"{100 * column / (COLUMNS - 1):.4f}% {100 * row / max(1, count_rows(count) - 1):.4f}%"


def sprite_size(count: int, height: int, width: int) -> dict[str, int]:
    """Return the size in pixels of an image in a sprite sheet of count images, and the sheet's columns and rows."""
    return {"height": height, "width": width, "columns": COLUMNS, "rows": count_rows(count)}
