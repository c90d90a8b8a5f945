"""The pipeline as a whole, with the real dvc, on scikit-learn's digits."""

import json
from pathlib import Path

import pytest

from src.common.artifacts import Suspect
from src.common.files import read_csv
from tests.helpers import NEW_PROCESSES, STAGES, attempt, run, set_params, stages_run, start


def test_a_second_repro_runs_nothing(project: Path) -> None:
    assert stages_run(run("dvc", "repro", cwd=project)) == []


def test_a_fresh_clone_reproduces_the_same_bytes(project: Path, tmp_path: Path) -> None:
    run("git", "clone", "--quiet", str(project), str(tmp_path / "clone"), cwd=tmp_path)
    assert stages_run(run("dvc", "repro", cwd=tmp_path / "clone", **NEW_PROCESSES)) == STAGES
    assert run("git", "status", "--porcelain", cwd=tmp_path / "clone") == ""


def test_a_model_change_reruns_train_and_later_stages_and_undoing_it_restores_the_results(project: Path) -> None:
    set_params(project, {"model": {"dropout": 0.4}})
    assert stages_run(run("dvc", "repro", "evaluate", cwd=project)) == ["train", "evaluate"]
    set_params(project, {"model": {"dropout": 0.25}})
    output = run("dvc", "repro", cwd=project)
    assert stages_run(output) == []
    assert "Stage 'train' is cached" in output
    assert run("dvc", "status", cwd=project).strip() == "Data and pipelines are up to date."
    set_params(project, {"model": {"dropout": 0.1}})
    run("python", "-m", "stages", "train", cwd=project)  # as if `dvc repro` had been killed before it recorded this
    run("sh", "-c", "git checkout params.yaml dvc.lock data && dvc checkout --force", cwd=project)  # as documented
    assert run("dvc", "status", cwd=project).strip() == "Data and pipelines are up to date."


def test_an_ensemble_with_augmentation_and_refit(project: Path) -> None:
    augmentation = {"rotation": 10.0, "translation": 1.0, "scaling": 0.1, "shear": 0.1}
    set_params(project, {"augment": augmentation, "train": {"refit": True, "members": 2, "epochs": 1}})
    output = run("dvc", "repro", "report", cwd=project)
    assert "refit on all 1,437 images, without validation or early stopping" in output
    members = json.loads((project / "data/evaluate/metrics.json").read_text())["test"]["members"]
    assert members["mean_accuracy"] == pytest.approx(sum(members["accuracy"].values()) / 2)
    assert set(json.loads((project / "data/train/metrics.json").read_text())) == {"plan", "best_epoch", "train"}
    assert ",nan,nan," in (project / "data/train/history.csv").read_text()
    assert "single network (mean of 2)" in (project / "data/report/index.html").read_text()
    gate = attempt("python", "-m", "tools.compare", "HEAD", "--gate", cwd=project)
    assert "lacks" not in gate.stdout


def test_a_report_change_reruns_only_report(project: Path) -> None:
    set_params(project, {"report": {"order": "confidence"}})
    assert stages_run(run("dvc", "repro", cwd=project)) == ["report"]


def test_a_confirmed_label_reruns_only_what_shows_it_and_a_changed_one_everything(project: Path) -> None:
    suspect = read_csv(project / "data/train/suspects.csv", Suspect)[0]
    labels = project / "labels.csv"
    header = labels.read_text()
    labels.write_text(f"{header},{suspect.digest},,{suspect.label},\n")
    assert suspect.digest in (project / "data/report/index.html").read_text()
    assert stages_run(run("dvc", "repro", cwd=project)) == ["download", "report", "export"]
    assert suspect.digest not in (project / "data/report/index.html").read_text()
    labels.write_text(f"{header},{suspect.digest},,{suspect.predicted},\n")
    assert stages_run(run("dvc", "repro", "train", cwd=project)) == STAGES[:3]


def test_a_second_repro_at_the_same_time_is_refused(project: Path) -> None:
    set_params(project, {"train": {"epochs": 1000}})
    with start("dvc", "repro", cwd=project, **NEW_PROCESSES) as first:
        assert first.stdout
        assert any("epoch 1/1000" in line for line in first.stdout)
        second = attempt("dvc", "repro", cwd=project)
        first.kill()  # DVC alone; its stage notices
        assert "interrupted; the same command resumes" in first.stdout.read()
    assert second.returncode
    assert "is busy, it is being blocked by:" in second.stdout
    assert stages_run(second.stdout) == []
    set_params(project, {"train": {"epochs": 2}})
    assert stages_run(run("dvc", "repro", cwd=project)) == []


def test_plots_and_graph(project: Path) -> None:
    output = run("dvc", "plots", "show", cwd=project)
    page = (project / "dvc_plots/index.html").read_text()
    assert "dvc_plots/index.html" in output
    for shown in (
        "train_loss",
        "validation_loss",
        "Confusion matrix of the errors",
        "errors.png",
        "confusion.png",
        "curves.png",
        "reliability.png",
    ):
        assert shown in page
    graph = run("dvc", "dag", "--dot", cwd=project)
    assert all(f'"{stage}"' in graph for stage in STAGES)
