"""tools.docs as a command."""

import subprocess
import sys
from pathlib import Path

from src.common.params import read_yaml
from src.params.documentation import render_params, render_reference
from src.params.params import default_values
from tests.helpers import ROOT


def test_comments_and_reference_are_written_and_values_kept(tmp_path: Path) -> None:
    values = default_values()
    values["train"]["epochs"] = 9
    expected = render_params(values)
    path = tmp_path / "params.yaml"
    path.write_text(expected.replace("# Maximum number of epochs", "# Outdated").replace("  patience: auto\n", ""))
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tools.docs import main; main()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert path.read_text() == expected
    assert read_yaml(path)["train"]["patience"] == "auto"
    assert (tmp_path / "docs/parameters.md").read_text() == render_reference()


def test_a_misspelt_parameter_is_reported_and_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = render_params(default_values()).replace("  patience: auto\n", "  patiense: 4\n")
    path.write_text(text)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tools.docs import *; run_cli(main)"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1
    assert "train.patiense = 4: unknown key" in result.stderr
    assert path.read_text() == text
