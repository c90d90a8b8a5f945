"""tools.plots, tools.predict and tools.export as commands, and what the tools import."""

import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT, attempt, run


def test_plots_prints_the_curves_and_the_confusion_matrix(project: Path) -> None:
    output = run(sys.executable, "-m", "tools.plots", cwd=project)
    assert output.startswith("```mermaid\n")
    assert "x-axis epoch [1, 2]" in output
    assert "| actual \\ predicted |" in output


def test_plots_ends_quietly_when_the_reader_of_its_output_has_gone(project: Path) -> None:
    script = f"{{ {sys.executable} -m tools.plots; echo exit code $? >&2; }} | true"
    assert run("sh", "-c", script, cwd=project) == "exit code 1\n"


@pytest.mark.parametrize("tool", ["predict", "export"])
def test_a_missing_model_names_the_stage_that_creates_it(tool: str, prepared_project: Path) -> None:
    result = attempt(sys.executable, "-m", f"tools.{tool}", "some.png", cwd=prepared_project)
    assert result.returncode == 1
    expected = "data/train/model.safetensors is missing; run `dvc repro train` to create it"
    assert result.stdout == f"{tool}: {expected}\n"


def test_neither_compare_nor_the_report_imports_torch() -> None:
    code = "import sys, stages.report, tools.compare; sys.exit('torch' in sys.modules)"
    run(sys.executable, "-c", code, cwd=ROOT)


def test_predict_says_when_it_is_unsure(project: Path) -> None:
    output = run(sys.executable, "-m", "tools.predict", "docs/img/five.jpg", cwd=project)
    assert output.rstrip().endswith("%  (unsure)")  # two epochs on digits are too few to be sure of anything
