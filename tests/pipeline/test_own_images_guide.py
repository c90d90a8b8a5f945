"""The commands of docs/own-images.md, run literally on a small folder of pictures."""

import re
from pathlib import Path

import pytest
from PIL import Image

from src.download.sources import load_small_digits
from tests.helpers import MEDIUM, ROOT, STAGES, link_environment, make_project, run, stages_run

CLASSES = {"oak": 3, "elm": 4}  # digits that look like neither
PER_CLASS = 100


def guide_commands() -> list[str]:
    """The commands of the first block of the guide, without the prompt."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs/own-images.md").read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for line in "".join(blocks).splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A project in which the commands have been run, and the output of each."""
    project = make_project(tmp_path_factory.mktemp("guide"), {"model": MEDIUM, "train": {"epochs": 5}})
    link_environment(project)
    train, test = load_small_digits()
    for name, digit in CLASSES.items():
        (project / "photos" / name).mkdir(parents=True)
        images = train.images[train.labels == digit][:PER_CLASS]
        for number, image in enumerate(images, start=1):
            Image.fromarray(image[0]).save(project / f"photos/{name}/{number}.jpg")
    new = test.images[test.labels == CLASSES["elm"]][0]
    Image.fromarray(new[0]).save(project / "another-leaf.jpg")
    return project, {command: run("bash", "-c", command, cwd=project) for command in guide_commands()}


def test_the_commands_lead_from_a_folder_to_a_report(outputs: tuple[Path, dict[str, str]]) -> None:
    project, output = outputs
    (training,) = (text for command, text in output.items() if command.startswith("dvc exp run"))
    assert stages_run(training) == STAGES
    assert "2 classes" in training
    page = (project / "data/report/index.html").read_text()
    assert all(name in page for name in CLASSES)


def test_the_baselines_are_compared_with_the_network(outputs: tuple[Path, dict[str, str]]) -> None:
    text = outputs[1]["python -m tools.baseline"]
    assert re.search(r"\| random forest \| \d+ \| \d+\.\d\d% \|", text)
    assert "the network is " in text


def test_a_new_picture_is_classified(outputs: tuple[Path, dict[str, str]]) -> None:
    (prediction,) = (text for command, text in outputs[1].items() if "tools.predict" in command)
    assert "another-leaf.jpg  elm: " in prediction


def test_everything_that_an_experiment_needs_has_been_committed(outputs: tuple[Path, dict[str, str]]) -> None:
    project, _ = outputs
    assert run("git", "status", "--short", "--untracked-files=no", cwd=project) == ""
    run("dvc", "exp", "run", "--temp", "-S", "split.seed=1", "split", cwd=project)
