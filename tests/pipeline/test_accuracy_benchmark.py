"""benchmarks.accuracy on a small project: real training runs in a copy, which leave the project as it was."""

import json
from pathlib import Path

from tests.helpers import run, stages_run

SMALL = ["download.dataset=digits", "model.conv_channels=[[4],[8]]", "model.hidden_units=[16]", "train.epochs=2"]


def test_the_networks_of_an_ensemble_are_those_that_their_seeds_give_alone(project: Path) -> None:
    settings = [*SMALL, "train.batch_size=64"]
    command = ["python", "-m", "benchmarks.accuracy", "default", "2"]
    output = run(*command, *(item for setting in settings for item in ("-S", setting)), cwd=project)
    assert stages_run(output) == ["train", "evaluate"]
    figures = json.loads(
        (project / f"benchmarks/accuracy/{','.join(['default', 'digits', *settings])}.json").read_text()
    )
    alone = json.loads((project / "data/evaluate/metrics.json").read_text())["test"]["accuracy"]
    assert figures["accuracy"][0] == alone != figures["accuracy"][1]
    assert figures["set"] == settings
    assert not list(project.glob(".accuracy/*"))
