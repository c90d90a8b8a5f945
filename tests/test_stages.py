"""What a user can do wrong, stage by stage: a message and a failing exit code, no traceback, nothing half-written."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from src.files import save_arrays

from tests.project import SMALL, attempt, copy_project, run, set_params


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with digits downloaded and split."""
    project = copy_project(tmp_path_factory.mktemp("prepared"), SMALL)
    shutil.rmtree(project / "data")
    for stage in ("download", "split"):
        run(sys.executable, "-m", f"stages.{stage}", cwd=project)
    return project


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "project")


def fails(project: Path, stage: str, *messages: str) -> None:
    output = project / "data" / stage
    before = sorted(output.iterdir()) if output.is_dir() else []
    result = attempt(sys.executable, "-m", f"stages.{stage}", cwd=project, CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    assert f"{stage}: " in result.stdout
    for message in messages:
        assert message in result.stdout
    assert before == (sorted(output.iterdir()) if output.is_dir() else [])


def test_a_python_without_the_requirements_is_told_what_to_do(project: Path) -> None:
    result = attempt(sys.executable, "-S", "-m", "stages.split", cwd=project)  # -S: without the environment's packages
    assert result.returncode == 1
    assert "source .venv/bin/activate" in result.stdout
    assert "Traceback" not in result.stdout


def test_wrong_parameters_are_all_named_before_any_work(project: Path) -> None:
    changes: dict[str, dict[str, Any]] = {
        "model": {"dropout": 1.5},
        "train": {"epochs": "four", "learning_rte": 0.1, "device": "gpu"},
    }
    set_params(project, changes)
    expected = ("4 wrong keys", "model.dropout = 1.5", "train.epochs = 'four'", "train.learning_rte", "train.device")
    fails(project, "train", *expected)


def test_parameters_that_contradict_each_other(project: Path) -> None:
    set_params(project, {"augment": {"rotation": 10.0, "clean_epochs": 2}})
    fails(project, "train", "1 wrong key", "augment.clean_epochs = 2: leaves none of train.epochs = 2 to be augmented")


def test_missing_and_broken_parameter_files(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text("split: [")
    fails(project, "split", "params.yaml is not valid YAML")
    path.write_text("train: {}")
    fails(project, "split", "split: missing")
    path.unlink()
    fails(project, "split", "params.yaml is missing")


@pytest.mark.parametrize(
    ("stage", "missing", "makes"),
    [
        ("split", "data/download/train.npz", "download"),
        ("train", "data/split/indices.npz", "split"),
        ("evaluate", "data/train/model.safetensors", "train"),
        ("report", "data/evaluate/errors.csv", "evaluate"),
    ],
)
def test_a_stage_before_its_inputs_exist(project: Path, stage: str, missing: str, makes: str) -> None:
    (project / missing).unlink(missing_ok=True)
    fails(project, stage, f"{missing} is missing: `dvc repro {makes}` makes it")


def test_no_source_for_the_data(project: Path) -> None:
    nowhere = str(project / "nowhere")
    set_params(project, {"download": {"dataset": "kmnist", "mirrors": [nowhere]}})
    mirrors = project / "src/torchvision_datasets.py"
    mirrors.write_text(f"{mirrors.read_text()}\nKMNIST.mirrors = ['http://127.0.0.1:9/']\n")
    fails(project, "download", nowhere, "http://127.0.0.1:9/: [Errno 111] Connection refused", "Two ways out")


def test_cuda_where_there_is_none(project: Path) -> None:
    set_params(project, {"train": {"device": "cuda"}})
    fails(project, "train", "train.device = 'cuda', but PyTorch", "use auto or cpu")


def test_layers_that_do_not_fit(project: Path) -> None:
    set_params(project, {"model": {"conv_channels": [[2]] * 5}})
    fails(project, "train", "block 5 of 5 ran out of pixels")


def test_a_split_that_leaves_a_class_out(project: Path) -> None:
    set_params(project, {"split": {"validation_fraction": 0.001}})
    fails(project, "split", "split.validation_fraction = 0.001")


def test_training_needs_no_test_set_and_evaluate_refuses_another(project: Path) -> None:
    (project / "data/download/test.npz").unlink()
    run(sys.executable, "-m", "stages.train", cwd=project)
    images, classes = np.zeros((3, 1, 8, 8), np.uint8), np.array(list("abc"))
    save_arrays(project / "data/download/test.npz", images=images, labels=np.arange(3), classes=classes)
    fails(project, "evaluate", "the model takes images of 1x28x28, the data has 1x8x8")
    model = project / "data/train/model.safetensors"
    model.write_bytes(model.read_bytes()[:500])
    fails(project, "evaluate", "not a network of this project")


def test_an_output_folder_that_cannot_be_written(project: Path) -> None:
    shutil.rmtree(project / "data/split")
    (project / "data/split").write_text("a file where the folder should be")
    fails(project, "split", "cannot write data/split/indices.npz: File exists")
