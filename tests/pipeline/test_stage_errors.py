"""What a user can do wrong, stage by stage: one message, a failing exit code and nothing half-written."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.common.dataset import Dataset
from src.common.files import write_bytes
from tests.builders import make_dataset
from tests.helpers import STAGES, attempt, run, set_params


def assert_fails(project: Path, stage: str, *messages: str, python: str = "python") -> None:
    """Check that the stage fails with these messages, without a traceback and without writing anything."""
    output = project / "data" / stage
    before = sorted(output.iterdir()) if output.is_dir() else []
    result = attempt(python, "-m", "stages", stage, cwd=project, CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    assert f"{stage}: " in result.stdout
    for message in messages:
        assert message in result.stdout
    assert before == (sorted(output.iterdir()) if output.is_dir() else [])


def test_a_python_without_the_requirements(prepared_project: Path) -> None:
    # -S: without the environment's packages
    result = attempt(sys.executable, "-S", "-m", "stages", "split", cwd=prepared_project)
    assert result.returncode == 1
    assert "has no PyTorch; activate the environment (source .venv/bin/activate)" in result.stdout
    assert "Traceback" not in result.stdout


def test_all_wrong_parameters_are_named_before_any_work(prepared_project: Path) -> None:
    changes: dict[str, dict[str, Any]] = {
        "model": {"dropout": 1.5},
        "train": {"epochs": "four", "learning_rte": 0.1, "device": "gpu"},
    }
    set_params(prepared_project, changes)
    expected = (
        "4 invalid parameters",
        "model.dropout = 1.5",
        "train.epochs = 'four'",
        "train.learning_rte",
        "train.device",
    )
    assert_fails(prepared_project, "train", *expected, python=sys.executable)


@pytest.mark.parametrize("stage", STAGES)
def test_wrong_parameters_of_another_stage_are_found_before_any_work(prepared_project: Path, stage: str) -> None:
    set_params(prepared_project, {"evaluate": {"shift": 99}, "report": {"colums": 3}})
    assert_fails(prepared_project, stage, "2 invalid parameters", "evaluate.shift = 99", "report.colums = 3")


def test_missing_and_invalid_parameter_files(prepared_project: Path) -> None:
    path = prepared_project / "params.yaml"
    path.write_text("split: [")
    assert_fails(prepared_project, "download", "params.yaml is not valid YAML")
    path.write_text("[" * 3000)
    assert_fails(prepared_project, "download", "params.yaml is not valid YAML")
    path.write_text("train: {}")
    assert_fails(prepared_project, "download", "split: missing")
    path.unlink()
    assert_fails(prepared_project, "download", "params.yaml is missing")


@pytest.mark.parametrize(
    ("stage", "missing", "creator"),
    [
        ("split", "data/download/train.npz", "download"),
        ("train", "data/split/indices.npz", "split"),
        ("evaluate", "data/train/model.safetensors", "train"),
        ("report", "data/evaluate/errors.csv", "evaluate"),
    ],
)
def test_a_stage_whose_input_is_missing_names_the_stage_that_creates_it(
    prepared_project: Path, stage: str, missing: str, creator: str
) -> None:
    (prepared_project / missing).unlink(missing_ok=True)
    assert_fails(prepared_project, stage, f"{missing} is missing; run `dvc repro {creator}` to create it")


def test_no_source_for_the_data(prepared_project: Path) -> None:
    nowhere = str(prepared_project / "nowhere")
    set_params(prepared_project, {"download": {"dataset": "kmnist", "mirrors": [nowhere]}})
    datasets = prepared_project / "src/download/idx_datasets.py"
    unreachable = "import_torchvision().datasets.KMNIST.mirrors = ['http://127.0.0.1:9/']"
    datasets.write_text(f"{datasets.read_text()}\n\n{unreachable}\n")
    refused = "http://127.0.0.1:9/: [Errno 111] Connection refused"
    assert_fails(prepared_project, "download", nowhere, refused, "download.mirrors, or set download.dataset to digits")


def test_a_split_with_a_rare_class(prepared_project: Path) -> None:
    assert "warning" not in run("python", "-m", "stages", "split", cwd=prepared_project)
    path = prepared_project / "data/download/train.npz"
    data = Dataset.load(path)
    rare = np.flatnonzero(data.labels == 7)[5:]
    data.select(np.delete(np.arange(len(data.labels)), rare)).save(path)
    output = run("python", "-m", "stages", "split", cwd=prepared_project)
    assert "split: warning: class 7 has only 4 training images, but class " in output


def test_training_needs_no_test_set_and_evaluate_rejects_one_that_does_not_fit(prepared_project: Path) -> None:
    test_set = prepared_project / "data/download/test.npz"
    test_set.unlink()
    run("python", "-m", "stages", "train", cwd=prepared_project)
    make_dataset(np.zeros((3, 1, 8, 8), np.uint8), np.arange(3), list("abc")).save(test_set)
    assert_fails(prepared_project, "evaluate", "the model expects images of shape 1x28x28, but the data has 1x8x8")
    model = prepared_project / "data/train/model.safetensors"
    model.write_bytes(model.read_bytes()[:500])
    assert_fails(prepared_project, "evaluate", "data/train/model.safetensors is damaged or not the expected file")


def test_an_output_folder_that_cannot_be_written(prepared_project: Path) -> None:
    shutil.rmtree(prepared_project / "data/split")
    (prepared_project / "data/split").write_text("a file where the folder should be")
    assert_fails(prepared_project, "split", "cannot write data/split/indices.npz: File exists")


def test_damaged_results(prepared_project: Path) -> None:
    for path in ("evaluate/errors.csv", "train/history.csv"):
        write_bytes(prepared_project / "data" / path, b"epoch,index\n1,2,3\n")
    assert_fails(prepared_project, "report", "errors.csv is damaged", "run `dvc repro evaluate` to recreate it")
    result = attempt("python", "-m", "tools.plots", cwd=prepared_project)
    assert result.returncode == 1
    assert result.stdout.startswith("plots: data/train/history.csv is damaged")
