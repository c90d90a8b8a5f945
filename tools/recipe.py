"""Write a recipe into params.yaml, or list the recipes when called without a name.

A recipe sets every parameter outside the download section to its value in recipes/NAME.yaml or, if the file has none,
to its default. Comments in params.yaml are kept.
"""

import io
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from src.common.cli import run_cli
from src.common.errors import UsageError
from src.common.files import write_bytes
from src.common.params import PARAMS, read_yaml
from src.params.documentation import render_params
from src.params.params import fill_in_defaults, read_recipe
from tools import make_parser

RECIPES = Path("recipes")


def main() -> None:
    parser = make_parser("recipe", __doc__)
    parser.add_argument("name", metavar="NAME", nargs="?", help="the recipe to write; if omitted, list the recipes")
    name: str | None = parser.parse_args().name
    print(apply_recipe(name) if name else list_recipes())


def list_recipes() -> str:
    """List the recipes with the comment at the top of each file: what the recipe does and how long it takes."""
    lines = []
    for path in find_recipes():
        comment = [line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
        lines += [f"{name:<10}{line}" for name, line in zip_longest([path.stem], comment, fillvalue="")]
    return "\n".join(lines)


def apply_recipe(name: str) -> str:
    """Write a recipe into params.yaml and describe what changed; on error, leave the file unchanged."""
    values = read_recipe(find_recipe(name))
    if not PARAMS.exists():
        write_bytes(PARAMS, render_params(values).encode())
        return f"recipe: wrote {name} to a new {PARAMS}"
    download = read_yaml(PARAMS).get("download", {})
    values["download"] = fill_in_defaults({"download": download}, PARAMS)["download"]
    yaml = YAML()  # keeps comments
    yaml.width = 1000
    document = yaml.load(PARAMS.read_text(encoding="utf-8"))
    changes = set_values(document, yaml.load(render_params(values)))
    text = io.StringIO()
    yaml.dump(document, text)
    write_bytes(PARAMS, text.getvalue().encode())
    return "\n".join([f"recipe: {PARAMS} now holds the recipe {name}", *(changes or ["  no value changed"])])


def find_recipe(name: str) -> Path:
    """Return the file of a recipe; raise UsageError if there is none of this name."""
    recipes = {path.stem: path for path in find_recipes()}
    if name not in recipes:
        raise UsageError(f"there is no recipe {name!r}; known: {', '.join(recipes)}")
    return recipes[name]


def find_recipes() -> list[Path]:
    """Return the files of all recipes."""
    return sorted(RECIPES.glob("*.yaml"))


def set_values(document: Any, values: Any) -> list[str]:
    """Set the values that differ in a YAML document, keeping its comments; return a description of each change."""
    changes = []
    for section, keys in values.items():
        if not isinstance(document.get(section), dict):
            document[section] = {}
        for key, value in keys.items():
            old = document[section].get(key)
            if old != value:
                changes.append(f"  {section}.{key}: {old} -> {value}")
                document[section][key] = value
    return changes


if __name__ == "__main__":
    run_cli(main)
