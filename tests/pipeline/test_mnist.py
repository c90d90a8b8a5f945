"""Real MNIST, fetched as a user fetches it: one epoch of a smaller network, and the tools on its model."""

import base64
import json
import math
import re
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from src.common.artifacts import Prediction
from src.common.dataset import Dataset, Split
from src.common.files import read_csv
from tests.helpers import ROOT, attempt, make_project, run, start

PICTURES = 60


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with MNIST, trained for one epoch."""
    smaller = {"conv_channels": [[8], [24], [48]], "hidden_units": [64]}
    project = make_project(tmp_path_factory.mktemp("mnist"), {"model": smaller, "train": {"epochs": 1}})
    output = run("dvc", "repro", cwd=project)
    assert "same predictions as PyTorch on all 10,000 test images" in output
    assert "60,000 training and 10,000 test images of 28x28 pixels, 10 classes" in output
    assert "48,000 training and 12,000 validation images" in output
    return project


def test_one_epoch_reaches_98_5_percent(mnist: Path) -> None:
    assert json.loads((mnist / "data/evaluate/metrics.json").read_text())["test"]["accuracy"] >= 0.985
    assert (mnist / "data/report/errors.png").is_file()
    page = (mnist / "data/report/index.html").read_text()
    assert len(page) < 3_000_000
    assert "980 test, 5,923 other images" in page  # of a 0


def test_photographs_of_digits_are_classified_correctly(mnist: Path, tmp_path: Path) -> None:
    rows = Split.load(mnist / "data/split/indices.npz").validation[:PICTURES]
    data = Dataset.load(mnist / "data/download/train.npz")
    paper = 0.9 - 0.4 * np.linspace(0, 1, 300)[:, None] * np.linspace(0, 1, 400)
    generator = np.random.default_rng(0)
    for number, image in enumerate(data.images[rows, 0]):
        photo = paper + generator.normal(0, 0.02, paper.shape)
        top, left = generator.integers(0, (300 - 196, 400 - 196))
        photo[top : top + 196, left : left + 196] *= (
            1 - 0.7 * np.asarray(Image.fromarray(image).resize((196, 196))) / 255
        )
        Image.fromarray((photo.clip(0, 1) * 255).astype(np.uint8)).save(tmp_path / f"{number:02}.jpg")
    pictures = [str(path) for path in sorted(tmp_path.glob("*.jpg"))]
    results = json.loads(run("python", "-m", "tools.predict", "--json", *pictures, cwd=mnist))
    assert [result["picture"] for result in results] == pictures
    correct = np.array([int(result["predicted"]) for result in results]) == data.labels[rows]
    assert correct.mean() >= 0.95

    (tmp_path / "empty.png").write_bytes(b"")
    result = attempt(
        "python",
        "-m",
        "tools.predict",
        pictures[0],
        str(tmp_path / "empty.png"),
        "--seen",
        "seen.png",
        cwd=mnist,
    )
    assert result.returncode == 1
    assert f"predict: {tmp_path / 'empty.png'}: an empty file" in result.stdout
    assert f"{pictures[0]}  {results[0]['predicted']}: " in result.stdout
    assert Image.open(mnist / "seen.png").size == (20 * 28, 28)


def test_predict_agrees_with_evaluate_on_a_test_image(mnist: Path, tmp_path: Path) -> None:
    image = Dataset.load(mnist / "data/download/test.npz").images[7, 0]
    Image.fromarray(image).save(tmp_path / "image.png")
    (result,) = json.loads(run("python", "-m", "tools.predict", "--json", f"{tmp_path}/image.png", cwd=mnist))
    row = read_csv(mnist / "data/evaluate/predictions.csv", Prediction)[7]
    assert result["predicted"] == row.predicted
    assert abs(result["probabilities"][row.predicted] - row.confidence) < 1e-5


@pytest.fixture(scope="module")
def demo(mnist: Path) -> Iterator[str]:
    """The address of the demo."""
    with start(sys.executable, "-m", "tools.demo", cwd=mnist) as server:
        assert server.stdout
        yield re.findall(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]


@pytest.fixture
def page(browser: Browser, demo: str) -> Iterator[Page]:
    """The demo's page; fail at the end if it requested anything from elsewhere."""
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(demo)
    yield page
    page.close()
    assert [url for url in requests if not url.startswith((demo, "data:", "blob:"))] == []


CIRCLE = [(0.5 + 0.22 * math.sin(angle), 0.5 - 0.3 * math.cos(angle)) for angle in np.linspace(0, 2 * math.pi, 20)]
STROKES = {  # as fractions of the canvas
    "0": [CIRCLE],
    "1": [[(0.5, 0.2), (0.5, 0.8)]],
    "3": [[(0.3, 0.22), (0.6, 0.2), (0.66, 0.33), (0.48, 0.47), (0.68, 0.62), (0.6, 0.78), (0.3, 0.76)]],
    "4": [[(0.35, 0.2), (0.3, 0.55), (0.7, 0.55)], [(0.62, 0.25), (0.6, 0.8)]],
    "7": [[(0.3, 0.25), (0.68, 0.25), (0.45, 0.78)]],
}


def test_digits_drawn_with_the_mouse_are_recognised_while_they_are_drawn(page: Page) -> None:
    canvas = page.get_by_label("Drawing")
    box = canvas.bounding_box()
    assert box
    for digit, strokes in STROKES.items():
        page.get_by_role("button", name="Clear").click()
        expect(answer(page)).to_have_count(0)
        for stroke in strokes:
            for number, (x, y) in enumerate(stroke):
                page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
                if number == 0:
                    page.mouse.down()
            if stroke is strokes[-1]:
                expect(answer(page)).to_have_text(digit)  # before the pen is lifted
            page.mouse.up()
    page.get_by_role("button", name="Clear").click()
    expect(answer(page)).to_have_count(0)
    page.mouse.move(box["x"] + box["width"] + 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    drawing = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    assert canvas.evaluate(drawing) == 1  # nothing but white


def test_a_dropped_picture_is_classified_and_other_files_are_refused(page: Page, mnist: Path, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Use a picture").click()
    upload = page.locator("input[type=file]")
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (10_000, 10_000), 255).save(tmp_path / "large.png")
    for name, message in (("text.png", "not a PNG, JPEG"), ("large.png", "too many pixels")):
        upload.set_input_files(tmp_path / name)
        expect(page.get_by_text(message)).to_be_visible()
        page.get_by_label("Remove Image").click()
    faint = Dataset.load(mnist / "data/download/test.npz").images[0, 0] // 4
    Image.fromarray(faint).save(tmp_path / "faint.png")
    upload.set_input_files(tmp_path / "faint.png")
    expect(page.get_by_text("unlike all training pictures")).to_be_visible()
    page.get_by_label("Remove Image").click()
    drop(page, mnist / "docs/img/five.jpg")
    expect(answer(page)).to_have_text("5")


def answer(page: Page) -> Locator:
    return page.get_by_test_id("label-output-value")


def drop(page: Page, path: Path) -> None:
    """Drop a file on the page's upload area."""
    content = base64.b64encode(path.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """async ([content, name]) => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
            return transfer;
        }""",
        [content, path.name],
    )
    page.get_by_text("Drop Image Here").dispatch_event("drop", {"dataTransfer": transfer})


def request(demo: str, path: str, body: Any = None, host: str = "") -> tuple[int, str]:
    """Send a raw request to the demo; return the status and the answer."""
    connection = HTTPConnection(demo.split("/")[2])
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    connection.request("GET" if body is None else "POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_demo_answers_only_under_its_own_name(demo: str) -> None:
    assert request(demo, "/", host="evil.example:7860") == (400, "Invalid host header")
    assert request(demo, "/", host="localhost:7860")[0] == 200


def test_the_demo_opens_only_what_was_uploaded(demo: str) -> None:
    picture = str(ROOT / "docs/img/five.jpg")
    answers = [
        request(demo, "/gradio_api/run/classify_file", {"data": [{"path": path}]}) for path in (picture, "/missing.jpg")
    ]
    assert [json.loads(answer)["data"] for _, answer in answers] == [[{}, None]] * 2
    assert request(demo, f"/gradio_api/file={picture}")[0] == request(demo, "/gradio_api/file=/missing.jpg")[0] == 403
