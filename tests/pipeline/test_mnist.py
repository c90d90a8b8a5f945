"""Real MNIST, fetched as a user fetches it, one epoch of the default recipe, and what its model is used for then."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from src.files import load_arrays, read_csv

from tests.project import attempt, copy_project, run

SEEN = 60  # pictures


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("mnist"), {"train": {"epochs": 1}})
    output = run("dvc", "repro", cwd=project)
    assert "60,000 training and 10,000 test images of 28x28, 10 classes" in output
    assert "48,000 to train, 12,000 to validate" in output
    return project


def test_one_epoch(project: Path) -> None:
    assert json.loads((project / "data/evaluate/metrics.json").read_text())["accuracy"] >= 0.985
    assert (project / "data/report/errors.png").is_file()
    assert (project / "data/report/index.html").stat().st_size < 3_000_000


def test_own_pictures_are_recognised(project: Path, tmp_path: Path) -> None:
    rows = load_arrays(project / "data/split/indices.npz", "validation")["validation"][:SEEN]
    data = load_arrays(project / "data/download/train.npz", "images", "labels")
    paper = 0.9 - 0.4 * np.linspace(0, 1, 300)[:, None] * np.linspace(0, 1, 400)
    generator = np.random.default_rng(0)
    for number, image in enumerate(data["images"][rows, 0]):
        photo = paper + generator.normal(0, 0.02, paper.shape)
        top, left = generator.integers(0, (300 - 196, 400 - 196))
        photo[top : top + 196, left : left + 196] *= (
            1 - 0.7 * np.asarray(Image.fromarray(image).resize((196, 196))) / 255
        )
        Image.fromarray((photo.clip(0, 1) * 255).astype(np.uint8)).save(tmp_path / f"{number:02}.jpg")
    pictures = [str(path) for path in sorted(tmp_path.glob("*.jpg"))]
    told = json.loads(run(sys.executable, "-m", "tools.predict", "--json", *pictures, cwd=project))
    assert [one["picture"] for one in told] == pictures
    right = np.array([int(one["predicted"]) for one in told]) == data["labels"][rows]
    assert right.mean() >= 0.95

    (tmp_path / "blank.png").write_bytes(b"")
    result = attempt(
        sys.executable,
        "-m",
        "tools.predict",
        pictures[0],
        str(tmp_path / "blank.png"),
        "--seen",
        "seen.png",
        cwd=project,
    )
    assert result.returncode == 1
    assert f"predict: {tmp_path / 'blank.png'}: no picture that Pillow reads, or a damaged one" in result.stdout
    assert f"{pictures[0]}  {told[0]['predicted']}: " in result.stdout
    assert Image.open(project / "seen.png").size == (20 * 28, 28)


def test_a_test_image_as_a_file_is_told_as_evaluate_tells_it(project: Path, tmp_path: Path) -> None:
    image = load_arrays(project / "data/download/test.npz", "images")["images"][7, 0]
    Image.fromarray(image).save(tmp_path / "image.png")
    (told,) = json.loads(run(sys.executable, "-m", "tools.predict", "--json", f"{tmp_path}/image.png", cwd=project))
    row = read_csv(project / "data/evaluate/predictions.csv")[7]
    assert told["predicted"] == row["predicted"]
    assert abs(told["probabilities"][row["predicted"]] - float(row["confidence"])) < 1e-5


def test_the_exported_model_predicts_as_evaluate(project: Path) -> None:
    assert "1 network of data/train/model.safetensors in model.onnx" in run(
        sys.executable, "-m", "tools.export", cwd=project
    )
    images = load_arrays(project / "data/download/test.npz", "images")["images"][:1000]
    (probabilities,) = onnxruntime.InferenceSession(project / "model.onnx").run(None, {"images": images})
    rows = read_csv(project / "data/evaluate/predictions.csv")[:1000]
    assert probabilities.argmax(1).tolist() == [int(row["predicted"]) for row in rows]
    assert np.abs(probabilities.max(1) - [float(row["confidence"]) for row in rows]).max() < 1e-5


@pytest.mark.parametrize("tool", ["predict", "export"])
def test_without_a_model_the_tools_say_so(tool: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path, {})
    result = attempt(sys.executable, "-m", f"tools.{tool}", "some.png", cwd=project)
    assert result.returncode == 1
    assert result.stdout == f"{tool}: data/train/model.safetensors is missing: `dvc repro train` makes it\n"
