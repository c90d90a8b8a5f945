"""The generated documentation of the parameters, and that the committed copies are current."""

import re
from pathlib import Path

import pytest

from src.common.params import read_yaml
from src.params.documentation import render_params, render_reference
from src.params.params import SECTIONS, Params, default_values
from tests.helpers import ROOT


def test_every_parameter_is_documented() -> None:
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            assert (field.description or "").endswith("."), f"{section}.{key}"


def test_defaults_are_valid_and_survive_rendering(tmp_path: Path) -> None:
    Params.model_validate(default_values())
    path = tmp_path / "params.yaml"
    path.write_text(render_params(default_values()))
    assert read_yaml(path) == default_values()


@pytest.mark.parametrize("folder", ["photos/cats: 2024 #1", "123", "null", "True", "bücher 😀", "~/a", "a\\b'\"\n"])
def test_any_folder_survives_rendering(folder: str, tmp_path: Path) -> None:
    values = default_values()
    values["download"]["folder"] = folder
    path = tmp_path / "params.yaml"
    path.write_text(render_params(values))
    assert read_yaml(path) == values


def test_comments_have_unit_and_range() -> None:
    text = render_params(default_values())
    assert "  # Maximum random rotation, in either direction. [degrees, 0 to 180]\n  rotation: 0.0\n" in text
    assert "  # Random seed of the first network. [0 to 4,294,967,295]\n  seed: 0\n" in text
    assert max(map(len, text.splitlines())) <= 120


def test_reference_has_type_range_unit_default_and_meaning() -> None:
    text = render_reference()
    assert "| `dropout` | number | 0 to below 1 |  | `0.25` | Dropout probability at the end of " in text
    assert "| `conv_channels` | auto or list of lists of integers | 1 to 65,536 each |  | `auto` |" in text
    assert "| `precision` | string | auto, fp32 or bf16 |  | `auto` |" in text
    assert "| `validation_fraction` | number | above 0 and below 1 |  | `0.2` |" in text
    assert "| `refit` | boolean | true or false |  | `false` |" in text


def test_committed_reference_is_current() -> None:
    assert (ROOT / "docs/parameters.md").read_text() == render_reference(), "run `make docs`"


def test_committed_comments_are_current() -> None:
    """Only the comments are compared; the values are there to be edited. DVC drops a comment that follows a list."""
    current = render_params(read_yaml(ROOT / "params.yaml"))
    without = re.sub(r"(^  \w+: \[.*\n)(?: *#.*\n)+", r"\1", current, flags=re.MULTILINE)
    found, all_comments, needed = (
        re.findall("^ *#.*", text, re.MULTILINE) for text in ((ROOT / "params.yaml").read_text(), current, without)
    )
    assert is_part(needed, found), "run `make docs`"
    assert is_part(found, all_comments), "run `make docs`"


def is_part(some: list[str], lines: list[str]) -> bool:
    """Return whether some of the lines are there, in the same order."""
    remaining = iter(lines)
    return all(line in remaining for line in some)
