"""tools.plots and tools.predict as commands, and what the tools import."""

import csv
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT, attempt, run
from tests.training_process import interrupted_at


def test_plots_prints_the_curves_and_the_confusion_matrix(project: Path) -> None:
    output = run("python", "-m", "tools.plots", cwd=project)
    assert output.startswith("```mermaid\n")
    assert "x-axis epoch [1, 2]" in output
    assert "| actual \\ predicted |" in output


def test_plots_ends_quietly_when_the_reader_of_its_output_has_gone(project: Path) -> None:
    script = f"{{ {sys.executable} -m tools.plots; echo exit code $? >&2; }} | true"
    assert run("sh", "-c", script, cwd=project) == "exit code 1\n"


def test_predict_without_an_exported_model_names_the_stage_that_creates_it(prepared_project: Path) -> None:
    result = attempt("python", "-m", "tools.predict", "some.png", cwd=prepared_project)
    assert result.returncode == 1
    advice = "run `dvc repro export` to create it, or `dvc pull` to fetch it"
    assert result.stdout == f"predict: data/export/model.onnx is missing; {advice}\n"


def test_neither_compare_nor_predict_nor_the_report_imports_torch() -> None:
    code = "import sys, stages.report, tools.compare, tools.predict; sys.exit('torch' in sys.modules)"
    run(sys.executable, "-c", code, cwd=ROOT)


def test_training_does_not_import_pytorchs_compiler(prepared_project: Path) -> None:
    code = "import sys, stages.train; stages.train.main(); sys.exit('torch._dynamo' in sys.modules)"
    run(sys.executable, "-c", code, cwd=prepared_project)


def test_predict_says_when_it_is_unsure(project: Path, tmp_path: Path) -> None:
    output = run(sys.executable, "-m", "tools.predict", "docs/img/five.jpg", cwd=project, HOME=str(tmp_path / "home"))
    assert not (tmp_path / "home").exists()  # ONNX Runtime stores usage data there, unless that is disabled
    assert output.rstrip().endswith("%  (unsure)")  # two epochs on digits are too few to be sure of anything


def test_predict_reads_folders_and_standard_input(project: Path) -> None:
    (project / "pictures/more/.hidden").mkdir(parents=True)
    for name in ("b.jpg", "more/a.jpg", ".c.jpg", "more/.hidden/d.jpg"):
        shutil.copy(project / "docs/img/five.jpg", project / "pictures" / name)
    command = f"{sys.executable} -m tools.predict --csv --top 2 pictures - < docs/img/five.jpg 2> warnings"
    rows = list(csv.DictReader(run("sh", "-c", command, cwd=project).splitlines()))
    assert [row["picture"] for row in rows] == ["pictures/b.jpg", "pictures/more/a.jpg", "-"]
    warnings = (project / "warnings").read_text().splitlines()
    assert warnings[0].startswith("predict: pictures/b.jpg: unlike all training pictures: its brightness is ")
    (likeliest,) = {row["likeliest"] for row in rows}
    assert likeliest.startswith(f"{rows[0]['predicted']}: {float(rows[0]['confidence']):.1%} · ")
    assert likeliest.count(" · ") == 1


def test_an_interrupt_ends_a_tool_without_a_traceback() -> None:
    result = attempt(*interrupted_at("ruamel.yaml", "tools.recipe"), cwd=ROOT)
    assert (result.returncode, result.stdout) == (-signal.SIGINT, "")


def test_predict_says_that_a_folder_has_no_files(project: Path) -> None:
    (project / "empty").mkdir()
    result = attempt("python", "-m", "tools.predict", "empty", cwd=project)
    assert (result.returncode, result.stdout) == (1, "predict: empty: a folder without files\n")


def test_predict_replaces_no_picture_with_what_the_network_sees(project: Path) -> None:
    shutil.copy("docs/img/five.jpg", project)
    result = attempt("python", "-m", "tools.predict", "--seen", "five.jpg", "docs/img/five.jpg", cwd=project)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (
        2,
        "python -m tools.predict: error: argument --seen: five.jpg exists; name a new file",
    )
    assert (project / "five.jpg").read_bytes() == (ROOT / "docs/img/five.jpg").read_bytes()


@pytest.mark.parametrize("options", [("--top", "0"), ("--json", "--csv")])
def test_predict_refuses_options_that_make_no_sense(options: tuple[str, ...], project: Path) -> None:
    assert attempt("python", "-m", "tools.predict", *options, "some.png", cwd=project).returncode == 2
