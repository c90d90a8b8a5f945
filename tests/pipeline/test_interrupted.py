"""Training runs that are interrupted, or that run out of disk space, as real processes, and then resumed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forking import forked_process, forking_commands
from tests.helpers import ENVIRONMENT, attempt, run, set_params, stages_run, start
from tests.training_process import FORKED_STAGE, at_call, interrupted_at, read_outputs


@pytest.mark.parametrize(("number", "forked"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_an_interrupt_ends_it_with_one_line(
    prepared_project: Path, undisturbed: dict[str, bytes], number: signal.Signals, forked: bool
) -> None:
    python = f"{forking_commands() / 'python'}" if forked else sys.executable
    act = 'print("blocked", flush=True) or sys.stdin.read()'
    with subprocess.Popen(
        at_call("src.train.learner.AdamW", "step", 13, act, python),  # in the second epoch
        cwd=prepared_project,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("blocked" in line for line in process.stdout)
        process.send_signal(number)
        _, errors = process.communicate(timeout=5)
    assert process.returncode == 130
    assert errors == "interrupted; the same command resumes from the last completed epoch or stage\n"
    assert "resuming after epoch 1" in run(*FORKED_STAGE, cwd=prepared_project)
    assert read_outputs(prepared_project) == undisturbed


def test_an_interrupt_while_pytorch_imports_numpy_is_not_lost(prepared_project: Path) -> None:
    result = attempt(*interrupted_at("numpy", "stages", "train"), cwd=prepared_project)
    assert (result.returncode, result.stdout) == (
        130,
        "interrupted; the same command resumes from the last completed epoch or stage\n",
    )


@pytest.mark.parametrize(
    ("number", "file"),
    [(3, ".checkpoints/"), (2, "data/train/history.csv")],  # the second checkpoint; history.csv of the first epoch
)
def test_a_full_disk_ends_it_with_the_last_checkpoint_intact(
    prepared_project: Path, undisturbed: dict[str, bytes], number: int, file: str
) -> None:
    act = "(_ for _ in ()).throw(OSError(28, 'No space left on device'))"
    result = attempt(*at_call("os", "fsync", number, act), cwd=prepared_project)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    assert f"train: cannot write {file}" in result.stdout
    assert "No space left on device" in result.stdout
    assert "resuming after epoch 1" in run(*FORKED_STAGE, cwd=prepared_project)
    assert read_outputs(prepared_project) == undisturbed


def test_parameters_that_are_edited_while_it_runs_end_it_with_the_checkpoint_intact(
    prepared_project: Path, undisturbed: dict[str, bytes]
) -> None:
    path = "__import__('pathlib').Path('params.yaml')"
    act = f"{path}.write_text({path}.read_text().replace('dropout: 0.25', 'dropout: 0.5'))"
    result = attempt(*at_call("src.train.learner.AdamW", "step", 13, act), cwd=prepared_project)
    assert result.returncode == 1
    assert "train: inputs changed while the stage ran: model.dropout; run `dvc repro` again" in result.stdout
    set_params(prepared_project, {"model": {"dropout": 0.25}})
    assert "resuming after epoch 3" in run(*FORKED_STAGE, cwd=prepared_project)
    assert read_outputs(prepared_project) == undisturbed


def test_a_killed_run_in_a_temporary_copy_is_resumed_by_the_next(project: Path) -> None:
    command = ("dvc", "exp", "run", "--temp", "-S", "train.epochs=12", "train")
    with start(*command, cwd=project) as process:
        assert process.stdout
        assert any("epoch 2/12 (" in line for line in process.stdout)
        os.killpg(forked_process(process.pid), signal.SIGKILL)  # DVC and all that it has started
    output = run(*command, cwd=project)
    assert "train: resuming after epoch " in output
    assert stages_run(output) == ["train"]
    assert not list(project.glob(".checkpoints/*"))
