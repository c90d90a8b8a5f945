"""tools.compare as people and CI call it, on small Git repositories of results."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from src.tiles import to_sheet

from tests.project import ROOT, attempt, commit, run


def write_result(
    project: Path, wrong: range, test_set: str = "a", code: str = "a", evaluated: str = "a", **params: Any
) -> None:
    """Results as the pipeline leaves them in Git, of 1,000 test images; the report is of an older training."""
    lock = {
        "schema": "2.0",
        "stages": {
            "train": {
                "deps": [{"path": "src/train.py", "md5": code}],
                "params": {"params.yaml": {"train": {"seed": 0} | params}},
                "outs": [{"path": "data/train/model.safetensors", "md5": "a"}],
            },
            "evaluate": {
                "deps": [
                    {"path": "data/download/test.npz", "md5": test_set},
                    {"path": "data/train/model.safetensors", "md5": evaluated},
                ]
            },
            "report": {"params": {"params.yaml": {"train": dict.fromkeys(["seed", *params], 99)}}},
        },
    }
    YAML().dump(lock, project / "dvc.lock")
    for folder in ("train", "evaluate"):
        (project / "data" / folder).mkdir(parents=True, exist_ok=True)
    metrics = {"accuracy": 1 - len(wrong) / 1000, "images": 1000, "recall": {"4": 0.9}}
    (project / "data/train/metrics.json").write_text(json.dumps({"validation_accuracy": 0.9}))
    (project / "data/evaluate/metrics.json").write_text(json.dumps(metrics))
    rows = "".join(f"{index},4,9,0.9,2.0,9: 90%\n" for index in wrong)
    (project / "data/evaluate/errors.csv").write_text(f"index,actual,predicted,confidence,loss,likeliest\n{rows}")
    (project / "data/evaluate/errors.png").write_bytes(to_sheet(np.zeros((len(wrong), 1, 5, 5), np.uint8)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """base: 30 mistakes; the workspace: 20 of them fixed, 5 broken, not committed."""
    project = tmp_path / "project"
    for folder in ("src", "tools"):
        shutil.copytree(ROOT / folder, project / folder)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    write_result(project, range(30))
    commit(project)
    run("git", "tag", "base", cwd=project)
    write_result(project, range(20, 35), dropout=0.3)
    return project


def compare(project: Path, *arguments: str) -> tuple[int, str]:
    result = attempt(sys.executable, "-m", "tools.compare", *arguments, cwd=project)
    assert "Traceback" not in result.stdout
    return result.returncode, result.stdout


def test_workspace_against_a_revision(project: Path) -> None:
    code, text = compare(project, "base")
    assert code == 0
    assert "## workspace against base: better" in text
    assert "20 fixed, 5 broken: p = 0.0041" in text
    assert "| train.dropout | none | 0.3 |" in text


def test_json_and_page(project: Path) -> None:
    code, text = compare(project, "base", "--json", "--html", "page.html", "--alpha", "0.001")
    made = json.loads(text)
    assert code == 0
    assert (made["verdict"], len(made["fixed"]), made["broken"]) == ("no evidence either way", 20, [30, 31, 32, 33, 34])
    assert made["params"] == {"train.dropout": {"base": None, "other": 0.3}}
    assert "data:image/png" in (project / "page.html").read_text()


def test_gate(project: Path) -> None:
    assert compare(project, "base", "--gate")[0] == 0
    assert compare(project, "workspace", "base")[0] == 0
    code, text = compare(project, "workspace", "base", "--gate")
    assert code == 1
    assert "gate closed: base is significantly worse than workspace" in text
    code, text = compare(project, "base", "--gate", "--min-accuracy", "0.99")
    assert code == 1
    assert "accuracy 0.9850 is below 0.99" in text
    metrics = project / "data/evaluate/metrics.json"
    metrics.write_text(json.dumps({"accuracy": 0.985, "images": 1000}))
    code, text = compare(project, "base", "--gate")
    assert code == 1
    assert "workspace lacks the metric evaluate.recall.4" in text
    metrics.write_text(json.dumps({"images": 1000}))
    code, text = compare(project, "base", "--gate")
    assert code == 1
    assert "the metric evaluate.accuracy is missing" in text


def test_what_cannot_be_compared_is_said(project: Path, tmp_path: Path) -> None:
    code, text = compare(project, "nothing")
    assert (code, "nothing: no such revision or experiment here; see git branch -a" in text) == (2, True)
    assert compare(project, "base", "--alpha", "7")[0] == 2
    write_result(project, range(3), test_set="b")
    code, text = compare(project, "base")
    assert (code, "base and workspace were measured on different test sets" in text) == (1, True)
    write_result(project, range(3), evaluated="b")
    code, text = compare(project, "base")
    assert (code, "compare: workspace: the model was trained again since it was evaluated: " in text) == (1, True)
    lock = (project / "dvc.lock").read_text()
    (project / "dvc.lock").write_text(f"<<<<<<< HEAD\n{lock}")
    code, text = compare(project, "base")
    assert (code, "workspace: its result cannot be read: " in text) == (1, True)
    (project / "dvc.lock").write_text(lock)
    (project / "data/evaluate/errors.csv").unlink()
    code, text = compare(project, "base")
    assert (code, "workspace: has no data/evaluate/errors.csv; run `dvc repro` there" in text) == (1, True)
    commit(project)
    run("git", "clone", "--quiet", "--depth=1", project.as_uri(), str(tmp_path / "shallow"), cwd=tmp_path)
    code, text = compare(tmp_path / "shallow", "base")
    assert (code, "this clone is shallow: git fetch --unshallow" in text) == (2, True)


def test_a_reader_may_leave_before_the_end(project: Path) -> None:
    assert not run("sh", "-c", f"{sys.executable} -m tools.compare base | true", cwd=project)


def test_experiments_and_seeds(project: Path) -> None:
    baseline = run("git", "rev-parse", "HEAD", cwd=project).strip()

    def experiment(name: str, wrong: range, **params: Any) -> None:
        write_result(project, wrong, **params)
        run("git", "add", "--all", cwd=project)
        run("git", "commit", "--quiet", "--allow-empty", "--message", name, cwd=project)
        run("git", "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/{name}", "HEAD", cwd=project)

    for seed in (1, 2):
        experiment(f"plain-{seed}", range(30 + seed), seed=seed)
    for seed in (0, 1, 2):
        experiment(f"better-{seed}", range(10 + seed), seed=seed, dropout=0.3)
    for seed in (0, 1, 2):
        experiment(f"pair-{seed}", range(seed), seed=seed, members=2)
    experiment("other", range(3), seed=9, dropout=0.7)
    experiment("plain-of-other-code", range(3), code="b", seed=7)
    assert "## better-2 against plain-1: better" in compare(project, "plain-1", "better-2")[1]
    code, text = compare(project, "plain-1", "better-1", "--seeds", "--gate")
    assert code == 0
    assert "## better-1 against plain-1, over seeds: better" in text
    assert "| plain-1 | 3 | 96.900% | 0.100 |" in text  # the third is the commit that they began at
    assert "Difference of the mean accuracies: +2.000 percentage points" in text
    assert "| pair-0 | 2 |" in compare(project, "plain-1", "pair-0", "--seeds")[1]  # pair-1 shares its networks
    assert compare(project, "better-0", "base", "--seeds", "--gate")[0] == 1
    run("git", "checkout", "--quiet", "-B", "main", baseline, cwd=project)
    write_result(project, range(4))
    commit(project)
    second = run("git", "rev-parse", "HEAD", cwd=project).strip()
    run("git", "update-ref", f"refs/exps/{second[:2]}/{second[2:]}/better-1", "HEAD", cwd=project)
    assert "26 fixed, 0 broken" in compare(project, "base", "better-1")[1]  # of two of a name, the one from HEAD
    commit(project, "--allow-empty")
    code, text = compare(project, "base", "better-1")
    assert (code, "several experiments have this name" in text) == (2, True)
    code, text = compare(project, "base", "other", "--seeds")
    assert (code, "3 and 1 results that differ in train.seed alone" in text) == (1, True)


def test_neither_compare_nor_the_report_imports_torch() -> None:
    code = "import sys, stages.report, tools.compare; sys.exit('torch' in sys.modules)"
    run(sys.executable, "-c", code, cwd=ROOT)
