from collections.abc import Callable
from pathlib import Path

import pytest

from src.common.params import read_yaml
from src.params.documentation import render_params, render_reference
from src.params.params import default_values
from tools.docs import main

Call = Callable[..., tuple[int, str]]


def test_comments_and_reference_are_written_and_values_kept(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = default_values()
    values["train"]["epochs"] = 9
    expected = render_params(values)
    path = tmp_path / "params.yaml"
    path.write_text(expected.replace("# Maximum number of epochs", "# Outdated").replace("  patience: auto\n", ""))
    monkeypatch.chdir(tmp_path)
    assert call(main)[0] == 0
    assert path.read_text() == expected
    assert read_yaml(path)["train"]["patience"] == "auto"
    assert (tmp_path / "docs/parameters.md").read_text() == render_reference()


def test_a_misspelt_parameter_is_reported_and_not_deleted(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "params.yaml"
    text = render_params(default_values()).replace("  patience: auto\n", "  patiense: 4\n")
    path.write_text(text)
    monkeypatch.chdir(tmp_path)
    code, output = call(main)
    assert code == 1
    assert "docs: params.yaml has" in output
    assert "train.patiense = 4: unknown key" in output
    assert path.read_text() == text
