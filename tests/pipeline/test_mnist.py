"""Real MNIST, fetched as a user fetches it: one epoch with the default parameters, and the tools on its model."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.common.files import load_arrays, read_csv
from tests.helpers import ROOT, attempt, make_project, run
from tests.loader import classify, code_of, make_bare_environment

PICTURES = 60


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with MNIST, trained for one epoch."""
    project = make_project(tmp_path_factory.mktemp("mnist"), {"train": {"epochs": 1}})
    output = run("dvc", "repro", cwd=project)
    assert "same predictions as PyTorch on all 10,000 test images" in output
    assert "60,000 training and 10,000 test images of 28x28 pixels, 10 classes" in output
    assert "48,000 training and 12,000 validation images" in output
    return project


def test_one_epoch_reaches_98_5_percent(mnist: Path) -> None:
    assert json.loads((mnist / "data/evaluate/metrics.json").read_text())["test"]["accuracy"] >= 0.985
    assert (mnist / "data/report/errors.png").is_file()
    assert (mnist / "data/report/index.html").stat().st_size < 3_000_000


def test_photographs_of_digits_are_classified_correctly(mnist: Path, tmp_path: Path) -> None:
    rows = load_arrays(mnist / "data/split/indices.npz", "validation")["validation"][:PICTURES]
    data = load_arrays(mnist / "data/download/train.npz", "images", "labels")
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
    results = json.loads(run(sys.executable, "-m", "tools.predict", "--json", *pictures, cwd=mnist))
    assert [result["picture"] for result in results] == pictures
    correct = np.array([int(result["predicted"]) for result in results]) == data["labels"][rows]
    assert correct.mean() >= 0.95

    (tmp_path / "empty.png").write_bytes(b"")
    result = attempt(
        sys.executable,
        "-m",
        "tools.predict",
        pictures[0],
        str(tmp_path / "empty.png"),
        "--seen",
        "seen.png",
        cwd=mnist,
    )
    assert result.returncode == 1
    assert (
        f"predict: {tmp_path / 'empty.png'}: not a PNG, JPEG, BMP, TIFF, WebP or GIF picture, or a damaged one"
        in result.stdout
    )
    assert f"{pictures[0]}  {results[0]['predicted']}: " in result.stdout
    assert Image.open(mnist / "seen.png").size == (20 * 28, 28)


def test_predict_agrees_with_evaluate_on_a_test_image(mnist: Path, tmp_path: Path) -> None:
    image = load_arrays(mnist / "data/download/test.npz", "images")["images"][7, 0]
    Image.fromarray(image).save(tmp_path / "image.png")
    (result,) = json.loads(run(sys.executable, "-m", "tools.predict", "--json", f"{tmp_path}/image.png", cwd=mnist))
    row = read_csv(mnist / "data/evaluate/predictions.csv")[7]
    assert result["predicted"] == row["predicted"]
    assert abs(result["probabilities"][row["predicted"]] - float(row["confidence"])) < 1e-5


def test_the_model_card_reads_photographs(mnist: Path, tmp_path: Path) -> None:
    export = mnist / "data/export"
    pictures = [ROOT / "docs/img/five.jpg"]
    code = code_of((export / "model.md").read_text())
    python = make_bare_environment(tmp_path / "bare")
    found = classify(python, code, export / "model.onnx", pictures, tmp_path / "loader")
    assert found.argmax(1).tolist() == [5]
