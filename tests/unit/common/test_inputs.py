"""What a stage depends on, read before and after it runs."""

import os
from pathlib import Path

import pytest

from src.common.errors import UserError
from src.common.inputs import check_inputs, read_inputs

PARAMS = "download: {folder: photos, fit: crop}\nmodel: {crop: 4, dropout: 0.25, backbone: net.onnx}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one stage, in the working directory."""
    monkeypatch.chdir(tmp_path)
    deps = "['${download.folder}', '${model.backbone}', src, labels.csv, missing]"
    Path("dvc.yaml").write_text(f"stages:\n  train:\n    params: [download, model.crop]\n    deps: {deps}\n")
    Path("params.yaml").write_text(PARAMS)
    for name in ("photos/cat/1.png", "src/code.py", "labels.csv", "net.onnx"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    return tmp_path


def test_parameters_and_files_that_the_stage_depends_on_are_its_inputs(project: Path) -> None:
    files = {"photos/cat/1.png", "src/code.py", "labels.csv", "net.onnx"}
    assert read_inputs("train").keys() == {"download.folder", "download.fit", "model.crop"} | files


@pytest.mark.parametrize("unlisted", ["src/__pycache__/code.pyc", "photos/Thumbs.db", "other.py"])
def test_what_dvc_does_not_track_may_change(project: Path, unlisted: str) -> None:
    before = read_inputs("train")
    Path(unlisted).parent.mkdir(exist_ok=True)
    Path(unlisted).write_text("new")
    Path("params.yaml").write_text(PARAMS.replace("0.25", "0.5"))
    check_inputs("train", before)


def test_every_change_is_named(project: Path) -> None:
    before = read_inputs("train")
    Path("params.yaml").write_text(PARAMS.replace("crop: 4", "crop: 0"))
    Path("photos/cat/1.png").unlink()
    Path("photos/cat/2.png").write_text("")
    os.utime("src/code.py", (1, 1))
    changed = "model.crop, photos/cat/1.png, photos/cat/2.png, src/code.py"
    with pytest.raises(UserError, match=f"^inputs changed while the stage ran: {changed}; run"):
        check_inputs("train", before)


def test_links_are_not_followed_in_circles(project: Path) -> None:
    Path("photos/loop").symlink_to(project / "photos", target_is_directory=True)
    Path("photos/broken").symlink_to("nowhere")
    assert {"photos/loop", "photos/broken"} < read_inputs("train").keys()


def test_the_file_behind_a_link_counts(project: Path) -> None:
    Path("labels.csv").rename("shared.csv")
    Path("labels.csv").symlink_to("shared.csv")
    before = read_inputs("train")
    Path("shared.csv").write_text("new")
    with pytest.raises(UserError, match=r"ran: labels\.csv;"):
        check_inputs("train", before)


def test_a_stage_that_has_gone_from_the_pipeline_has_changed(project: Path) -> None:
    before = read_inputs("train")
    Path("dvc.yaml").write_text("stages: {}")
    with pytest.raises(UserError, match=r"ran: download\.fit, download\.folder, labels\.csv, model\.crop, net\.onnx"):
        check_inputs("train", before)
