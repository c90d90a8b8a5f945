"""Letters in colour, rendered from fonts, through every stage and tool: many classes, three channels, other sizes.

The fonts are those that come with matplotlib; the test set has fonts that no training image uses.
"""

import json
import re
import string
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from src.common.artifacts import PictureName, Prediction
from src.common.files import read_csv
from tests.helpers import MEDIUM, STAGES, make_project, run, set_params, stages_run
from tests.loader import classify, code_of, make_bare_environment

FONTS = {
    "train": ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral", "STIXGeneralBol"],
    "test": ["cmr10", "cmss10"],
}
LETTERS = ["&", *string.ascii_uppercase]


def draw(letter: str, font: str, ink: tuple[int, ...]) -> Image.Image:
    """Draw a letter in colour on light paper, wider than high."""
    path = Path(matplotlib.get_data_path(), "fonts/ttf", f"{font}.ttf")
    picture = Image.new("RGB", (90, 80), (250, 240, 220))
    ImageDraw.Draw(picture).text((45, 40), letter, ink, ImageFont.truetype(str(path), 60), anchor="mm")
    return picture


def write_class(photos: Path, letter: str) -> None:
    """Write a letter as PNG files, in four colours for each font."""
    inks = np.random.default_rng(ord(letter)).integers(0, 120, (4, 3)).tolist()
    for part, fonts in FONTS.items():
        folder = photos / part / letter
        folder.mkdir(parents=True)
        for font in fonts:
            for number, ink in enumerate(inks):
                draw(letter, font, tuple(ink)).save(folder / f"{font} {number}.png")


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project trained on the letters at 32 pixels."""
    download = {"dataset": "folder", "folder": "photos", "image_size": 32, "channels": 3}
    train = {"epochs": 8, "batch_size": 16, "threads": 1}
    project = make_project(tmp_path_factory.mktemp("letters"), {"download": download, "model": MEDIUM, "train": train})
    for letter in LETTERS:
        write_class(project / "photos", letter)
    assert stages_run(run("dvc", "repro", cwd=project)) == STAGES
    return project


def test_the_network_reads_fonts_that_it_has_never_seen(letters: Path) -> None:
    metrics = json.loads((letters / "data/evaluate/metrics.json").read_text())["test"]
    assert list(metrics["recall"]) == LETTERS
    assert metrics["images"] == 27 * 2 * 4
    assert metrics["accuracy"] > 0.5
    draw("Q", "cmr10", (200, 0, 0)).save(letters / "one.jpg")
    (result,) = json.loads(run("python", "-m", "tools.predict", "--json", "one.jpg", cwd=letters))
    assert sorted(result["probabilities"]) == LETTERS


def test_the_model_card_reproduces_every_prediction_from_the_original_files(letters: Path, tmp_path: Path) -> None:
    export = letters / "data/export"
    rows = read_csv(letters / "data/evaluate/predictions.csv", Prediction)
    files = [row.file for row in read_csv(letters / "data/download/files.csv", PictureName) if row.part == "test"]
    python = make_bare_environment(tmp_path / "bare")
    code = code_of((export / "model.md").read_text())
    found = classify(python, code, export / "model.onnx", [letters / file for file in files], tmp_path / "loader")
    assert [LETTERS[index] for index in found.argmax(1)] == [row.predicted for row in rows]
    assert np.abs(found.max(1) - [row.confidence for row in rows]).max() < 1e-5


def test_the_page_names_classes_and_files(letters: Path) -> None:
    page = (letters / "data/report/index.html").read_text()
    assert "&amp;" in page
    assert re.search("photos/test/[A-Z]/cm(r|ss)10 [0-3].png", page)  # the file of an error


def test_larger_images(letters: Path) -> None:
    model = {"conv_channels": [[8], [16], [16]]}
    set_params(letters, {"download": {"image_size": 40}, "model": model, "train": {"epochs": 1}})
    output = run("dvc", "repro", "train", cwd=letters)
    assert stages_run(output) == STAGES[:3]
    assert "648 training and 216 test images of 40x40 pixels, 27 classes" in output
    assert re.search(r"input +3x40x40 *\n +crop +3x36x36", output)
