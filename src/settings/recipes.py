"""Recipes: files with the parameters that differ from the defaults."""

from pathlib import Path
from typing import Any

from src.common.errors import UserError
from src.common.params import read_yaml, validate_params
from src.settings.all_params import AllParams, default_values


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe and fill in the defaults; raise UserError for invalid parameters or a download section."""
    recipe = read_yaml(path)
    if "download" in recipe:
        raise UserError(f"{path}: a recipe must not set the download section, which is the user's choice of data")
    return fill_in_defaults(recipe, path)


def fill_in_defaults(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return all parameters, with the default of every one that is missing; raise UserError for invalid ones.

    path: the file that the document comes from.
    """
    values: dict[str, Any] = default_values()
    for section, keys in document.items():
        values[section] = values.get(section, {}) | keys if isinstance(keys, dict) else keys
    validate_params(AllParams, values, path)
    return values
