"""DVC experiments, and the workflow that compares a pull request with its base."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from src.compare.git import find_commit
from tests.helpers import ROOT, STAGES, attempt, commit, link_environment, run, set_params, stages_run
from tools import compare


def read_accuracy(project: Path) -> float:
    accuracy: float = json.loads((project / "data/evaluate/metrics.json").read_text())["test"]["accuracy"]
    return accuracy


def test_experiments_in_the_workspace_and_in_a_copy_appear_in_diffs_and_tables(
    project: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., tuple[int, str]]
) -> None:
    output = run(
        "dvc", "exp", "run", "--name", "mine", "-S", "model.dropout=0.3", "-S", "model.conv_channels=[[16],[32]]",
        "-S", "model.hidden_units=[64]", "-S", "train.epochs=8", cwd=project,
    )  # fmt: skip
    assert stages_run(output) == STAGES[2:]
    accuracy = read_accuracy(project)
    assert accuracy >= 0.96
    assert "model.dropout" in run("dvc", "params", "diff", cwd=project)
    assert "test.accuracy" in run("dvc", "metrics", "diff", cwd=project)
    before = os.times()
    comparison = run("python", "-m", "tools.compare", "HEAD", "mine", "--html", "page.html", cwd=project)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 4  # seconds
    assert "## mine against HEAD: better" in comparison
    assert "| model.dropout | 0.25 | 0.3 |" in comparison
    assert "since its run" not in comparison

    train = project / "stages/train.py"
    train.write_text(f'{train.read_text()}print("changed")\n')
    worse = ["--temp", "--name", "worse", "-S", "train.epochs=1", "-S", "train.learning_rate=0.00001", "evaluate"]
    output = run("dvc", "exp", "run", *worse, cwd=project)
    assert stages_run(output) == ["train", "evaluate"]
    assert "\nchanged\n" in output
    assert read_accuracy(project) == accuracy
    monkeypatch.chdir(project)
    assert "workspace has changed since its run: stages/train.py." in call(compare.main, "HEAD")[1]
    run("git", "stash", cwd=project)
    train.write_text(f"{train.read_text()}\n")
    run("git", "commit", "--quiet", "--message=edit", "stages/train.py", cwd=project)
    find_commit.cache_clear()
    assert "HEAD has changed since its run: stages/train.py." in call(compare.main, "HEAD~1", "HEAD")[1]
    run("git", "reset", "--quiet", "--hard", "HEAD~1", cwd=project)
    link_environment(project)
    table = run("make", "experiments", cwd=project, COLUMNS="100")
    assert table.index("mine") < table.index("worse")  # by validation accuracy
    assert "1e-05" in table
    assert "test.accuracy" in table
    assert "recall" not in table


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
