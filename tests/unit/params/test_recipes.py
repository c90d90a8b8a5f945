"""Reading recipes, and the recipes that are shipped."""

from pathlib import Path

import pytest

from src.common.errors import UserError
from src.common.params import read_yaml
from src.params.params import default_values, read_recipe
from tests.helpers import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_a_recipe_is_completed_with_the_defaults(tmp_path: Path) -> None:
    values = read_recipe(write(tmp_path, "train: {epochs: 9}\nmodel: {dropout: 0.5}\n"))
    expected = default_values()
    expected["train"]["epochs"], expected["model"]["dropout"] = 9, 0.5
    assert values == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {epoks: 9}", r"mine.yaml has 1 invalid parameter:\n  train.epoks = 9: unknown key; known: epochs"),
        ("trains: {epochs: 9}", "trains: unknown section"),
        ("train: 9", "train = 9: must hold the keys"),
        ("train: {epochs: 0}", "train.epochs = 0"),
        ("download: {dataset: digits}", "must not set the download section"),
    ],
)
def test_wrong_recipes_are_rejected(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(write(tmp_path, text))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_hold_only_differences_and_say_how_long_they_take(path: Path) -> None:
    defaults = default_values()
    for section, keys in read_yaml(path).items():
        for key, value in keys.items():
            assert value != defaults[section][key], f"{section}.{key} is the default"
    read_recipe(path)
    comment = [line for line in path.read_text().splitlines() if line.startswith("# ")]
    assert any(line.startswith("# Takes ") for line in comment)
