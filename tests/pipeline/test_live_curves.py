"""The curves of a training run that has not ended yet, with the real `dvc repro` and `dvc plots show`."""

import csv
import os
import shlex
from pathlib import Path

import pytest

from tests.forking import forking_commands
from tests.helpers import ENVIRONMENT, run, start
from tests.training_process import at_call, read_outputs


@pytest.mark.parametrize("epochs", [1, 2])
def test_plots_show_draws_the_epochs_completed_so_far(
    prepared_project: Path, undisturbed: dict[str, bytes], tmp_path: Path, epochs: int
) -> None:
    # Every epoch writes two files, the checkpoint and history.csv; block before the next checkpoint is written.
    commands = forking_commands()
    block = 'print("blocked", flush=True) or open(os.environ["RESUME"]).readline()'
    command = at_call("os", "fsync", 2 * epochs + 1, block, f"{commands / 'python'}")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"  # what DVC starts the stage with
    python.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    python.chmod(0o755)
    os.mkfifo(tmp_path / "resume")
    resume = os.open(tmp_path / "resume", os.O_RDWR)  # for reading too, so that neither opening nor writing blocks
    search = os.pathsep.join([f"{tmp_path / 'bin'}", f"{commands}", ENVIRONMENT["PATH"]])
    environment = {"PATH": search, "RESUME": str(tmp_path / "resume")}
    with start("dvc", "repro", "train", cwd=prepared_project, **environment) as process:
        assert process.stdout is not None
        try:
            assert any("blocked" in line for line in process.stdout)
            history = (prepared_project / "data/train/history.csv").read_text()
            output = run("dvc", "plots", "show", cwd=prepared_project)
            page = (prepared_project / "dvc_plots/index.html").read_text()
        finally:
            os.write(resume, b"\n")
            try:
                process.communicate(timeout=60)
            finally:
                process.kill()
                os.close(resume)  # not earlier: the stage may not have opened its end yet
    assert process.returncode == 0
    rows = list(csv.DictReader(history.splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"][:epochs]
    assert undisturbed["history.csv"].decode().startswith(history)
    assert "dvc_plots/index.html" in output
    for row in rows:
        assert row["train_loss"] in page
        assert row["validation_loss"] in page
    assert read_outputs(prepared_project) == undisturbed
