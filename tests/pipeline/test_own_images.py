"""Data of your own through the whole pipeline, with the real dvc."""

import io
import json
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image, ImageOps

from benchmarks.labels import write_folder
from src.common.dataset import Dataset
from src.download.sources import load_small_digits
from tests.helpers import SMALL, STAGES, attempt, commit, make_project, run, set_params, stages_run, start
from tests.unit.download.test_idx_datasets import encode_idx

PARTS = ("train", "test")
# Decodes the pictures of a folder in processes that announce themselves and then wait forever.
WAITING = """
import os, sys, threading
from src.download import folder
from src.download.params import DownloadParams
from src.params.params import default_values
CHANGES = {"image_size": 8, "channels": 1}  # with auto, the first line of output would be another
def announce_and_wait(*_, **__):
    print(os.getpid(), flush=True)
    threading.Event().wait()
folder._decode_chunk = announce_and_wait
folder.load_folder(DownloadParams.model_validate(default_values()["download"] | CHANGES | {"folder": sys.argv[1]}))
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project trained on a folder that DVC tracks."""
    project = make_project(tmp_path_factory.mktemp("own"), SMALL)
    write_folder(project / "photos")
    run("dvc", "add", "photos", cwd=project)
    set_params(project, {"download": {"dataset": "folder", "folder": "photos"}})
    output = run("dvc", "repro", "export", cwd=project)
    assert stages_run(output) == [*STAGES[:4], "export"]
    assert "1,437 training and 360 test images of 28x28 pixels, 10 classes" in output
    commit(project)
    return project


def test_digits_as_files_give_the_arrays_of_the_dataset_digits(own: Path) -> None:
    for part, digits in zip(PARTS, load_small_digits(), strict=True):
        data = Dataset.load(own / f"data/download/{part}.npz")
        assert data.classes == [f"digit {label}" for label in range(10)]
        for label in range(10):
            expected = {image.tobytes() for image in digits.images[digits.labels == label]}
            assert {image.tobytes() for image in data.images[data.labels == label]} == expected


def test_predict_sees_a_picture_exactly_as_download_did(own: Path) -> None:
    pictures = sorted((own / "photos/test/digit 3").iterdir())[:20]
    command = ["python", "-m", "tools.predict", "--json", "--seen", "seen.png", *map(str, pictures)]
    results = json.loads(run(*command, cwd=own))
    data = Dataset.load(own / "data/download/test.npz")
    stored = data.images[data.labels == 3][:20, 0]
    seen = np.asarray(Image.open(io.BytesIO((own / "seen.png").read_bytes())))
    assert np.array_equal(seen.reshape(28, 20, 28).transpose(1, 0, 2), stored)
    rows = (own / "data/evaluate/predictions.csv").read_text().splitlines()[1:]
    evaluated = [row.split(",")[2] for row, label in zip(rows, data.labels, strict=True) if label == 3]
    assert [result["predicted"] for result in results] == evaluated[:20]


def test_the_stages_run_again_when_a_picture_is_added_and_not_otherwise(own: Path) -> None:
    (own / "photos/.DS_Store").write_text("left over")
    (own / "photos/train/Thumbs.db").write_text("left over")
    assert stages_run(run("dvc", "repro", "export", cwd=own)) == []
    picture = own / "photos/train/digit 3/new.png"
    ImageOps.mirror(Image.open(sorted(picture.parent.iterdir())[0])).save(picture)
    output = run("dvc", "repro", "split", cwd=own)
    assert stages_run(output) == STAGES[:2]
    assert "1,438 training and 360 test images" in output
    picture.unlink()
    assert stages_run(run("dvc", "repro", "export", cwd=own)) == []  # DVC's run cache has the results


def test_another_folder_is_used_and_unusable_files_are_named(own: Path) -> None:
    other = own / "other photos"
    for part in PARTS:
        for picture in sorted((own / "photos" / part).glob("*/*"))[::25]:
            copy = other / part / picture.parent.name / picture.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, copy)
    output = run("dvc", "repro", "--dry", "download", cwd=own)
    assert "'download' didn't change" in output
    (other / "train/digit 0/notes.txt").write_text("zero")
    set_params(own, {"download": {"folder": "other photos", "image_size": 12}})
    result = attempt("dvc", "repro", "download", cwd=own)
    assert result.returncode != 0
    reason = "not a PNG, JPEG, BMP, TIFF, WebP or GIF picture"
    assert f"other photos/train/digit 0/notes.txt: {reason}" in result.stdout
    assert "Traceback" not in result.stdout
    set_params(own, {"download": {"skip_unreadable": True}})
    output = run("dvc", "repro", "download", cwd=own)
    assert "1 file cannot be used and is left out:" in output
    assert "58 training and 15 test images of 12x12 pixels" in output
    run("git", "checkout", "--", "params.yaml", "dvc.lock", cwd=own)
    run("dvc", "checkout", "download", cwd=own)


def test_a_file_name_that_is_not_utf_8_is_named_without_a_traceback(own: Path, tmp_path: Path) -> None:
    (tmp_path / "photos/cat").mkdir(parents=True)
    (tmp_path / "photos/dog").mkdir()
    (tmp_path / "photos/dog/1.png").write_bytes(b"")
    (tmp_path / "photos/cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    set_params(own, {"download": {"folder": str(tmp_path / "photos")}})
    result = attempt("python", "-m", "stages", "download", cwd=own)
    run("git", "checkout", "--", "params.yaml", cwd=own)
    assert result.returncode == 1
    assert "photos/cat/caf\\udce9.png': an empty file" in result.stdout
    assert "Traceback" not in result.stdout


def test_idx_files_of_your_own(tmp_path: Path) -> None:
    project = make_project(tmp_path, SMALL | {"download": {"dataset": "idx", "fit": "stretch"}})
    for part, digits in zip(("train", "t10k"), load_small_digits(), strict=True):
        (project / f"images/{part}-images-idx3-ubyte").write_bytes(encode_idx(digits.images[:, 0]))
        (project / f"images/{part}-labels-idx1-ubyte").write_bytes(encode_idx(digits.labels.astype(np.uint8)))
    (project / "images/classes.txt").write_text("".join(f"digit {label}\n" for label in range(10)))
    run("dvc", "repro", "export", cwd=project)
    assert np.array_equal(Dataset.load(project / "data/download/train.npz").images, load_small_digits()[0].images)
    assert "digit 7" in json.loads((project / "data/evaluate/metrics.json").read_text())["test"]["recall"]
    Image.new("RGB", (50, 30)).save(project / "black.png")
    assert "black.png  digit " in run("python", "-m", "tools.predict", "black.png", cwd=project)


def test_workers_that_decode_end_when_their_parent_is_killed(own: Path) -> None:
    with start(sys.executable, "-c", WAITING, "photos", cwd=own) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        parent.kill()
    with suppress(psutil.NoSuchProcess):  # it has ended already
        psutil.Process(worker).wait(timeout=30)
