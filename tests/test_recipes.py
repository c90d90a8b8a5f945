"""The parameter files that are shipped, and what the README says of parameters."""

import importlib
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from src.params import SECTIONS, read_params

from tests.project import ROOT

STAGES = ["download", "split", "train", "evaluate", "report"]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", [ROOT / "params.yaml", *RECIPES], ids=lambda path: path.name)
def test_every_shipped_file_is_read_by_every_stage(path: Path) -> None:
    read = set()
    for stage in STAGES:
        params = read_params(importlib.import_module(f"stages.{stage}").Params, path)
        read |= set(type(params).model_fields)
    assert read == SECTIONS == set(YAML(typ="safe").load(path))


def test_the_readme_lists_every_parameter_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text()
    for section, values in YAML(typ="safe").load(ROOT / "recipes/default.yaml").items():
        for key, value in values.items():
            assert f"| `{section}.{key}` | `{str(value).lower().replace(chr(39), '')}` |" in readme


def test_every_recipe_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(f"`recipes/{path.name}`" in readme for path in RECIPES)
