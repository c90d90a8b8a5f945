"""The model card: the code in it, and whether a model hub can read it."""

import json
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from src.common.artifacts import AppliedDecision, Prediction
from src.common.dataset import Dataset, InputFit
from src.common.files import read_csv, write_csv
from src.export.loader import loader_code
from src.export.onnx_model import to_onnx
from src.pictures.reading import read_picture
from tests.builders import make_classifier, make_sensitive_network
from tests.helpers import ROOT, attempt, commit, run
from tests.loader import classify, code_of, make_bare_environment
from tests.unit.pictures.test_reading import deep_png


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bare_environment(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures of several shapes, sizes and file formats, one of them turned by its EXIF orientation."""
    folder = tmp_path_factory.mktemp("pictures")
    gradient = Image.linear_gradient("L")
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(0).integers(0, 256, (45, 61, 3), np.uint8)
    Image.merge("RGB", [gradient, gradient.rotate(90), gradient.rotate(180)]).save(folder / "a.jpg", exif=exif)
    gradient.resize((31, 90)).save(folder / "b.png")
    Image.fromarray(noise).save(folder / "c.png")
    Image.fromarray(noise[:20, :24]).save(folder / "d.bmp")  # of exactly the image's size
    colour = Image.fromarray(noise)
    colour.putalpha(Image.linear_gradient("L").resize(colour.size))
    colour.save(folder / "transparent.png")
    colour.convert("LA").save(folder / "transparent grey.png")
    Image.fromarray(noise).quantize(50).save(folder / "palette.gif")
    Image.fromarray(noise[:, :, 0] > 90).convert("P").save(folder / "transparent palette.png", transparency=0)
    Image.fromarray(noise).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(noise[:, :, 0].astype(np.uint16) * 200).save(folder / "deep.png")
    (folder / "deep colour.png").write_bytes(deep_png(noise.astype(np.uint16) * 255))
    Image.fromarray(noise[:, :, 0] > 90).save(folder / "bits.png")
    return sorted(folder.iterdir())


def test_the_environment_has_only_the_three_packages(bare_python: Path) -> None:
    for package in ("numpy", "onnxruntime", "PIL"):
        assert attempt(str(bare_python), "-I", "-c", f"import {package}", cwd=ROOT).returncode == 0
    for package in ("torch", "scipy", "skimage", "pydantic", "onnx", "src"):
        assert attempt(str(bare_python), "-I", "-c", f"import {package}", cwd=ROOT).returncode == 1


@pytest.mark.parametrize(("fit", "channels"), [("crop", 1), ("pad", 3), ("stretch", 1)])
def test_the_code_agrees_with_predict(
    fit: InputFit, channels: int, bare_python: Path, pictures: list[Path], tmp_path: Path
) -> None:
    network = make_sensitive_network((channels, 20, 24), fit)
    classifier = make_classifier([network])
    (tmp_path / "model.onnx").write_bytes(to_onnx([network], classifier.description))
    code = loader_code(classifier.description.preprocessing, channels)
    assert len([line for line in code.splitlines() if line]) <= 25
    found = classify(bare_python, code, tmp_path / "model.onnx", pictures, tmp_path / "loader")
    expected = classifier.predict(np.stack([classifier.make_input(read_picture(path)) for path in pictures]))
    assert np.ptp(expected, axis=0).max() > 0.01
    assert np.abs(found - expected).max() < 1e-5


def test_the_code_in_the_card_reproduces_every_prediction(reproduced: Path, bare_python: Path, tmp_path: Path) -> None:
    export = reproduced / "data/export"
    images = Dataset.load(reproduced / "data/download/test.npz").images
    pictures = [tmp_path / f"{index:03}.png" for index in range(len(images))]
    for path, image in zip(pictures, images, strict=True):
        Image.fromarray(image[0]).save(path)
    code = code_of((export / "model.md").read_text())
    assert code == code_of((ROOT / "docs/using-the-model.md").read_text().split("## PyTorch")[0])
    found = classify(bare_python, code, export / "model.onnx", pictures, tmp_path / "loader")
    rows = read_csv(reproduced / "data/evaluate/predictions.csv", Prediction)
    assert [str(index) for index in found.argmax(1)] == [row.predicted for row in rows]
    assert np.abs(found.max(1) - [row.confidence for row in rows]).max() < 1e-5


def test_the_code_refuses_pictures_that_need_framing(reproduced: Path, bare_python: Path, tmp_path: Path) -> None:
    export = reproduced / "data/export"
    (tmp_path / "classify.py").write_text(code_of((export / "model.md").read_text()))
    (tmp_path / "model.onnx").symlink_to(export / "model.onnx")
    images = {name: Image.new("L", (8, 8), colour) for name, colour in (("light", 255), ("black", 0), ("small", 0))}
    images["small"].paste(255, (1, 1, 4, 4))
    for name, image in images.items():
        image.save(tmp_path / f"{name}.png")
    for picture in (str(ROOT / "docs/img/five.jpg"), *(f"{name}.png" for name in images)):
        result = attempt(str(bare_python), "classify.py", picture, cwd=tmp_path)
        assert (result.returncode, "must be like the dataset's images" in result.stdout) == (1, True)


def test_a_model_hub_can_read_the_card(reproduced: Path) -> None:
    card = ModelCard.load(reproduced / "data/export/model.md")
    assert card.text.count("\n\n## ") == card.text.count("\n## ") == 5
    header = card.data.to_dict()
    assert (header["library_name"], header["pipeline_tag"]) == ("onnx", "image-classification")
    (result,) = card.data.eval_results
    metrics = json.loads((reproduced / "data/evaluate/metrics.json").read_text())["test"]
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("digits", "accuracy", metrics["accuracy"])
    for name, recall in metrics["recall"].items():
        assert f"\n| {name} | " in card.text
        assert f"| {recall:.2%} |" in card.text


def test_changed_test_labels_are_counted(project: Path) -> None:
    assert "left out by hand" not in (project / "data/export/model.md").read_text()
    made = [("test", "1", "7"), ("test", "1", "-"), ("test", "1", "1"), ("train", "1", "7")]
    decisions = [AppliedDecision(part, "00" * 16, before, label) for part, before, label in made]
    write_csv(project / "data/download/decisions.csv", AppliedDecision, decisions)
    run("python", "-m", "stages", "export", cwd=project)
    assert "to choose anything. Test pictures relabelled or left out by hand: 2. " in " ".join(
        (project / "data/export/model.md").read_text().split()
    )


def test_another_repository_fetches_the_model_the_card_and_the_parameters(project: Path, tmp_path: Path) -> None:
    run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "remote"), cwd=project)
    run("dvc", "push", "data/export/model.onnx", "data/export/model.md", cwd=project)
    commit(project)
    run("git", "tag", "--annotate", "classifier@v1.0.0", "--message", "The first release", cwd=project)
    clone, folder = tmp_path / "clone", tmp_path / "elsewhere"
    run("git", "clone", "--quiet", str(project), str(clone), cwd=tmp_path)
    folder.mkdir()
    run("dvc", "get", str(clone), "data/export/model.onnx", cwd=folder)
    run("dvc", "artifacts", "get", str(clone), "classifier", "--out", "artifact.onnx", cwd=folder)
    expected = (project / "data/export/model.onnx").read_bytes()
    assert (folder / "model.onnx").read_bytes() == (folder / "artifact.onnx").read_bytes() == expected
    code = (
        "import dvc.api, json, sys; read = dvc.api.read, dvc.api.params_show;"
        "print(json.dumps([read[0]('data/export/model.md', repo=sys.argv[1]), read[1](repo=sys.argv[1])]))"
    )
    card, params = json.loads(run("python", "-c", code, str(clone), cwd=folder))
    assert card == (project / "data/export/model.md").read_text()
    assert params["download"]["dataset"] == "digits"
