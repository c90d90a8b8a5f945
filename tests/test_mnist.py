"""Real MNIST, fetched as a user fetches it, and one epoch of the default recipe."""

import json
from pathlib import Path

from tests.project import copy_project, run


def test_one_epoch_on_real_mnist(tmp_path: Path) -> None:
    project = copy_project(tmp_path, {"train": {"epochs": 1}})
    output = run("dvc", "repro", cwd=project)
    assert "60,000 training and 10,000 test images of 28x28, 10 classes" in output
    assert "48,000 to train, 12,000 to validate" in output
    assert json.loads((project / "data/evaluate/metrics.json").read_text())["accuracy"] >= 0.985
    assert (project / "data/report/errors.png").is_file()
    assert (project / "data/report/index.html").stat().st_size < 3_000_000
