"""The default recipe on scikit-learn's digits, where an epoch has only nine steps."""

import json
from pathlib import Path

from tests.helpers import make_project, run


def test_the_default_recipe_learns_digits(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"download": {"dataset": "digits"}})
    for stage in ("download", "split", "train", "evaluate"):
        run("python", "-m", "stages", stage, cwd=project)
    metrics = json.loads((project / "data/evaluate/metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.98
    assert json.loads((project / "data/train/metrics.json").read_text())["validation"]["accuracy"] >= 0.98
