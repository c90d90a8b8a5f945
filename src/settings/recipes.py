"""Recipes: files with the parameters that differ from the defaults."""

from pathlib import Path
from typing import Any

from src.common.params import read_yaml, validate_params
from src.settings.all_params import AllParams, default_values


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe and fill in the defaults; raise ValueError for invalid parameters or a download section."""
    recipe = read_yaml(path)
    if "download" in recipe:
        raise ValueError(f"{path}: a recipe must not set the download section, which is the user's choice of data")
    values: dict[str, Any] = default_values()
    for section, changes in recipe.items():
        values[section] = values.get(section, {}) | changes if isinstance(changes, dict) else changes
    validate_params(AllParams, values, path)
    return values
