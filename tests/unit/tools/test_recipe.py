"""tools.recipe as a command."""

import subprocess
import sys
from pathlib import Path

import pytest

from src.common.params import read_yaml
from src.params.documentation import render_params
from src.params.params import default_values
from tests.helpers import ROOT

EPOCHS = default_values()["train"]["epochs"]


def run_recipe(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'recipe'; from tools.recipe import *; run_cli(main)"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the default parameters and two recipes."""
    (tmp_path / "params.yaml").write_text(render_params(default_values()))
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/default.yaml").write_text("# The default.\n# Costs nothing.\n{}\n")
    text = "# Wide layers.\n# Costs a lot.\nmodel:\n  conv_channels: [[64], [128]]\ntrain:\n  epochs: 9\n"
    (tmp_path / "recipes/wide.yaml").write_text(text)
    return tmp_path


def test_recipes_are_listed_with_their_comments(folder: Path) -> None:
    result = run_recipe(folder)
    assert result.stdout == (
        "default   The default.\n          Costs nothing.\nwide      Wide layers.\n          Costs a lot.\n"
    )


def test_a_recipe_changes_its_values_and_default_restores_every_byte(folder: Path) -> None:
    path = folder / "params.yaml"
    before = path.read_text()
    result = run_recipe(folder, "wide")
    assert result.returncode == 0
    assert f"  train.epochs: {EPOCHS} -> 9\n" in result.stdout
    assert "  model.conv_channels: auto -> [[64], [128]]" in result.stdout
    assert "\n  conv_channels: [[64], [128]]\n" in path.read_text()
    assert "# Learning rate of AdamW" in path.read_text()
    assert run_recipe(folder, "default").returncode == 0
    assert path.read_text() == before
    assert "no value changed" in run_recipe(folder, "default").stdout


def test_own_comments_and_the_choice_of_data_are_kept(folder: Path) -> None:
    path = folder / "params.yaml"
    text = path.read_text().replace("dataset: mnist", "dataset: digits # for the train journey")
    path.write_text(text.replace(f"epochs: {EPOCHS}", "epochs: 5 # mine"))
    run_recipe(folder, "wide")
    assert "dataset: digits # for the train journey\n" in path.read_text()
    assert "epochs: 9 # mine\n" in path.read_text()


def test_missing_parameters_are_written(folder: Path) -> None:
    (folder / "params.yaml").unlink()
    assert run_recipe(folder, "wide").returncode == 0
    assert read_yaml(folder / "params.yaml")["train"]["epochs"] == 9


def test_errors_leave_the_parameters_alone(folder: Path) -> None:
    path = folder / "params.yaml"
    before = path.read_text()
    result = run_recipe(folder, "narrow")
    assert (result.returncode, result.stderr) == (2, "recipe: there is no recipe 'narrow'; known: default, wide\n")
    (folder / "recipes/typo.yaml").write_text("train: {epoks: 9}\n")
    result = run_recipe(folder, "typo")
    assert result.returncode == 1
    assert "recipe: recipes/typo.yaml has 1 invalid parameter:\n  train.epoks = 9: unknown key" in result.stderr
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  folder: images", "  folder: 2026-05-01", "download.folder = "),  # which YAML reads as a date
        ("  dataset: mnist", "  datasett: mnist", "download.datasett = 'mnist': unknown key"),
    ],
)
def test_an_invalid_download_section_is_reported(folder: Path, old: str, new: str, message: str) -> None:
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace(old, new))
    result = run_recipe(folder, "wide")
    assert result.returncode == 1
    assert f"recipe: params.yaml has 1 invalid parameter:\n  {message}" in result.stderr


def test_a_missing_parameter_of_download_gets_its_default(folder: Path) -> None:
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("  folder: images\n", ""))
    assert run_recipe(folder, "wide").returncode == 0
    assert read_yaml(path)["download"]["folder"] == "images"
