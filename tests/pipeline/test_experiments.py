"""DVC experiments, and the workflow that compares a pull request with its base."""

import json
import os
import shutil
from pathlib import Path

from ruamel.yaml import YAML

from tests.helpers import ROOT, STAGES, attempt, commit, link_environment, run, set_params, stages_run


def read_accuracy(project: Path) -> float:
    accuracy: float = json.loads((project / "data/evaluate/metrics.json").read_text())["test"]["accuracy"]
    return accuracy


def test_an_experiment_reaches_its_accuracy_and_appears_in_the_diffs(project: Path) -> None:
    output = run(
        "dvc", "exp", "run", "--name", "mine", "-S", "model.dropout=0.3", "-S", "model.conv_channels=[[16],[32]]",
        "-S", "model.hidden_units=[64]", "-S", "train.epochs=16", cwd=project,
    )  # fmt: skip
    assert stages_run(output) == STAGES[2:]
    assert read_accuracy(project) >= 0.97
    assert "model.dropout" in run("dvc", "params", "diff", cwd=project)
    assert "test.accuracy" in run("dvc", "metrics", "diff", cwd=project)
    assert "model.dropout" in run("dvc", "exp", "show", "--md", cwd=project)
    before = os.times()
    comparison = run("python", "-m", "tools.compare", "HEAD", "mine", "--html", "page.html", cwd=project)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 4  # seconds
    assert "## mine against HEAD: better" in comparison
    assert "| model.dropout | 0.25 | 0.3 |" in comparison


def test_an_experiment_in_a_temporary_copy_runs_the_copys_code_and_leaves_the_workspace_alone(project: Path) -> None:
    before = read_accuracy(project)
    train = project / "stages/train.py"
    train.write_text(train.read_text().replace("def main() -> None:\n", 'def main() -> None:\n    print("changed")\n'))
    output = run("dvc", "exp", "run", "--temp", "-S", "train.learning_rate=0.00001", cwd=project)
    assert stages_run(output) == STAGES[2:]
    assert "\nchanged\n" in output
    assert read_accuracy(project) == before
    assert "1e-05" in run("dvc", "exp", "show", "--md", cwd=project)


def test_the_commands_of_the_metrics_workflow(project: Path) -> None:
    set_params(project, {"train": {"seed": 1}})
    commit(project)
    link_environment(project)
    job = YAML(typ="safe").load(ROOT / ".github/workflows/metrics.yml")["jobs"]["metrics"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-1] == "make gate"
    for command in commands[:-1]:
        run("bash", "-e", "-c", command, cwd=project, BASE="HEAD~1", GITHUB_STEP_SUMMARY=str(project / "step"))
    summary = (project / "step").read_text()
    assert "## workspace against HEAD~1: " in summary
    assert "train.seed" in summary
    assert "xychart-beta" in summary
    assert "actual \\ predicted" in summary
    assert "data/evaluate/metrics.json" in summary
    assert (project / "comparison.html").is_file()
    result = attempt("bash", "-e", "-c", commands[-1], cwd=project, BASE="HEAD~1")
    assert result.returncode == 2  # make's code for a failed recipe: so small a network does not reach 0.99
    assert "gate failed: " in result.stdout
    assert "is below 0.99" in result.stdout


def test_a_queue_needs_a_commit(project: Path) -> None:
    shutil.rmtree(project / ".git")
    run("git", "init", "--quiet", cwd=project)
    result = attempt("dvc", "exp", "run", "--queue", "-S", "train.seed=1", cwd=project)
    assert result.returncode
    assert "Empty git repo" in result.stdout
    assert "Traceback" not in result.stdout


def test_experiments_are_listed_by_validation_accuracy(project: Path) -> None:
    for epochs in (1, 3):
        run("dvc", "exp", "run", "--name", f"epochs-{epochs}", "-S", f"train.epochs={epochs}", "evaluate", cwd=project)
    link_environment(project)
    table = run("make", "experiments", cwd=project, COLUMNS="200")
    assert table.index("epochs-3") < table.index("epochs-1")
    assert "test.accuracy" in table
    assert "train.epochs" in table
    assert "recall" not in table
