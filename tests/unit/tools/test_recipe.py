from collections.abc import Callable
from pathlib import Path

import pytest

from src.common.params import read_yaml
from src.params.documentation import render_params
from src.params.params import default_values
from tools.recipe import main

Call = Callable[..., tuple[int, str]]
EPOCHS = default_values()["train"]["epochs"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the default parameters and two recipes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(render_params(default_values()))
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/default.yaml").write_text("# The default.\n# Costs nothing.\n{}\n")
    text = "# Wide layers.\n# Costs a lot.\nmodel:\n  conv_channels: [[64], [128]]\ntrain:\n  epochs: 9\n"
    (tmp_path / "recipes/wide.yaml").write_text(text)
    return tmp_path


def test_recipes_are_listed_with_their_comments(folder: Path, call: Call) -> None:
    listed = "default   The default.\n          Costs nothing.\nwide      Wide layers.\n          Costs a lot.\n"
    assert call(main) == (0, listed)


def test_a_recipe_changes_its_values_and_default_restores_every_byte(folder: Path, call: Call) -> None:
    path = folder / "params.yaml"
    before = path.read_text()
    code, text = call(main, "wide")
    assert code == 0
    assert f"  train.epochs: {EPOCHS} -> 9\n" in text
    assert "  model.conv_channels: auto -> [[64], [128]]" in text
    assert "\n  conv_channels: [[64], [128]]\n" in path.read_text()
    assert "# Learning rate of AdamW" in path.read_text()
    assert call(main, "default")[0] == 0
    assert path.read_text() == before
    assert "no value changed" in call(main, "default")[1]


def test_own_comments_and_the_choice_of_data_are_kept(folder: Path, call: Call) -> None:
    path = folder / "params.yaml"
    text = path.read_text().replace("dataset: mnist", "dataset: digits # for the train journey")
    path.write_text(text.replace(f"epochs: {EPOCHS}", "epochs: 5 # mine"))
    call(main, "wide")
    assert "dataset: digits # for the train journey\n" in path.read_text()
    assert "epochs: 9 # mine\n" in path.read_text()


def test_missing_parameters_are_written(folder: Path, call: Call) -> None:
    (folder / "params.yaml").unlink()
    assert call(main, "wide")[0] == 0
    assert read_yaml(folder / "params.yaml")["train"]["epochs"] == 9


def test_errors_leave_the_parameters_alone(folder: Path, call: Call) -> None:
    path = folder / "params.yaml"
    before = path.read_text()
    assert call(main, "narrow") == (2, "recipe: there is no recipe 'narrow'; known: default, wide\n")
    (folder / "recipes/typo.yaml").write_text("train: {epoks: 9}\n")
    code, text = call(main, "typo")
    assert code == 1
    assert "recipe: recipes/typo.yaml has 1 invalid parameter:\n  train.epoks = 9: unknown key" in text
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  folder: images", "  folder: 2026-05-01", "download.folder = "),  # which YAML reads as a date
        ("  dataset: mnist", "  datasett: mnist", "download.datasett = 'mnist': unknown key"),
    ],
)
def test_an_invalid_download_section_is_reported(folder: Path, call: Call, old: str, new: str, message: str) -> None:
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace(old, new))
    code, text = call(main, "wide")
    assert code == 1
    assert f"recipe: params.yaml has 1 invalid parameter:\n  {message}" in text


def test_a_missing_parameter_of_download_gets_its_default(folder: Path, call: Call) -> None:
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("  folder: images\n", ""))
    assert call(main, "wide")[0] == 0
    assert read_yaml(path)["download"]["folder"] == "images"
