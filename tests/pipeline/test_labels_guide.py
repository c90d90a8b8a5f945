"""The commands of docs/labels.md, run literally; the decisions are those that correct the planted labels."""

import json
import re
from pathlib import Path

from src.common.artifacts import PictureName, Suspect
from src.common.files import read_csv
from src.download.sources import load_small_digits
from tests.helpers import MEDIUM, ROOT, STAGES, link_environment, make_project, run, stages_run

BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "docs/labels.md").read_text(), re.DOTALL)


def execute(project: Path, block: str) -> dict[str, str]:
    """Run the commands of a block; return the output of each."""
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    return {command: run("bash", "-c", command, cwd=project) for command in commands}


def test_the_loop_from_wrong_labels_to_a_comparison(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", {"model": MEDIUM, "train": {"epochs": 3}})
    link_environment(project)
    execute(project, BLOCKS[0])
    right = load_small_digits()[0].labels
    pictures = read_csv(project / "data/download/files.csv", PictureName)
    files = {picture.index: picture.file for picture in pictures if picture.part == "train"}
    lines = []
    for suspect in read_csv(project / "data/train/suspects.csv", Suspect):
        file = files[suspect.index]
        label = f"digit {right[int(Path(file).stem)]}"
        if label != suspect.label:
            lines.append(f"{file},,,{label},\n")
    assert len(lines) > 0.9 * round(0.05 * len(right))
    with (project / "labels.csv").open("a") as labels:
        labels.writelines(lines)
    outputs = execute(project, BLOCKS[1])
    assert f"labels changed: {len(lines)}, confirmed: 0; pictures left out: 0" in outputs["dvc repro"]
    assert stages_run(outputs["dvc repro"]) == STAGES
    metrics = json.loads((project / "data/evaluate/metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.95  # after three epochs of 36 steps
    assert "## workspace against HEAD: " in outputs["python -m tools.compare HEAD"]
    assert run("git", "status", "--short", "--untracked-files=no", cwd=project) == ""
