"""Trainings that are killed, interrupted or out of disk, as real processes, and started again."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ENVIRONMENT, SMALL, attempt, copy_project, run, set_params

EPOCHS = 3
OUTPUTS = ("model.safetensors", "history.csv", "layers.csv", "augmented.png", "metrics.json", "environment.json")
STAGE = (sys.executable, "-m", "stages.train")
# Runs the stage and does something to it at the n-th call of a function: a real kill, at a chosen moment.
AT_CALL = """
import os, runpy, signal, sys, threading, torch
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell starts with it ignored
owner, name, number, act = {owner}, {name!r}, {number}, lambda: {act}
original, calls = getattr(owner, name), 0
def counting(*arguments, **named):
    global calls
    calls += 1
    if calls == number:
        act()
    return original(*arguments, **named)
setattr(owner, name, counting)
sys.argv = ["-m"]
runpy.run_module("stages.train", run_name="__main__", alter_sys=True)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def at_call(owner: str, name: str, number: int, act: str) -> tuple[str, ...]:
    return (sys.executable, "-c", AT_CALL.format(owner=owner, name=name, number=number, act=act))


def outputs(project: Path) -> dict[str, bytes]:
    return {name: (project / "data/train" / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("prepared"), SMALL)
    shutil.rmtree(project / "data")
    set_params(project, {"train": {"epochs": EPOCHS, "batch_size": 128}})
    for stage in ("download", "split"):
        run(sys.executable, "-m", f"stages.{stage}", cwd=project)
    return project


@pytest.fixture(scope="module")
def unharmed(prepared: Path) -> dict[str, bytes]:
    """The outputs of a training that was left alone."""
    run(*STAGE, cwd=prepared)
    result = outputs(prepared)
    shutil.rmtree(prepared / "data/train")
    return result


@pytest.fixture
def project(prepared: Path, unharmed: dict[str, bytes], tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "project")


def test_killed_at_every_kind_of_moment_it_gives_the_same_bytes(project: Path, unharmed: dict[str, bytes]) -> None:
    """One training, killed six times: 9 steps an epoch; synced are a checkpoint an epoch, then the six outputs."""
    for owner, name, number, epochs_kept in (
        ("torch.optim.AdamW", "step", 4, 0),  # in the first epoch
        ("os", "fsync", 1, 0),  # while the first checkpoint is being written
        ("os", "fsync", 2, 0),  # while the second replaces it
        ("torch.optim.AdamW", "step", 4, 1),  # in an epoch after one that was kept
        ("os", "fsync", 3, 1),  # between the last epoch and the outputs
        ("os", "fsync", 3, 3),  # with some of the outputs written
    ):
        result = attempt(*at_call(owner, name, number, KILL), cwd=project)
        assert result.returncode == -signal.SIGKILL
        assert (f"going on after epoch {epochs_kept}" in result.stdout) == (epochs_kept > 0)
    output = run(*STAGE, cwd=project)
    assert "going on after epoch 3" in output
    assert ": loss " not in output
    assert outputs(project) == unharmed
    assert not list(project.glob("data/train/.*"))
    assert not list(project.glob(".checkpoints/*"))


def test_members_that_have_ended_are_not_trained_again(project: Path, unharmed: dict[str, bytes]) -> None:
    set_params(project, {"train": {"members": 2, "epochs": 2}})
    left_alone = Path(shutil.copytree(project, project.parent / "left alone"))
    run(*STAGE, cwd=left_alone)
    set_params(project, {"train": {"members": 3}})  # more than there will be: how many is no part of a training's key
    attempt(*at_call("os", "fsync", 4, KILL), cwd=project)  # when the second member's last epoch is to be kept
    set_params(project, {"train": {"members": 1}})
    assert ": loss " not in run(*STAGE, cwd=project)  # which leaves the second member's state alone
    set_params(project, {"train": {"members": 2}})
    output = run(*STAGE, cwd=project)
    assert output.count("going on after epoch") == 1
    assert output.count(": loss ") == 2 + 1
    assert outputs(project) == outputs(left_alone)
    assert not list(project.glob(".checkpoints/*"))


def test_other_parameters_start_afresh(project: Path, unharmed: dict[str, bytes]) -> None:
    attempt(*at_call("os", "fsync", 2, KILL), cwd=project)
    set_params(project, {"train": {"seed": 5}})
    assert "going on" not in run(*STAGE, cwd=project)
    set_params(project, {"train": {"seed": 0}})
    assert "going on after epoch 1" in run(*STAGE, cwd=project)
    assert outputs(project) == unharmed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_ends_with_one_line(project: Path, unharmed: dict[str, bytes], number: signal.Signals) -> None:
    with subprocess.Popen(
        at_call("torch.optim.AdamW", "step", 13, 'print("stepping", flush=True) or threading.Event().wait(30)'),
        cwd=project,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("stepping" in line for line in process.stdout)
        process.send_signal(number)
        _, errors = process.communicate(timeout=5)
    assert process.returncode == 130
    assert errors == "interrupted; `dvc repro` goes on from the last whole epoch or stage\n"
    assert "going on after epoch 1" in run(*STAGE, cwd=project)
    assert outputs(project) == unharmed


def test_a_damaged_checkpoint_is_set_aside(project: Path, unharmed: dict[str, bytes]) -> None:
    attempt(*at_call("os", "fsync", 2, KILL), cwd=project)
    (checkpoint,) = project.glob(".checkpoints/*/*.checkpoint")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    output = run(*STAGE, cwd=project)
    assert "set aside as" in output
    assert "going on" not in output
    assert outputs(project) == unharmed


def test_a_disk_that_fills_ends_it_with_the_earlier_state(project: Path, unharmed: dict[str, bytes]) -> None:
    act = "(_ for _ in ()).throw(OSError(28, 'No space left on device'))"
    result = attempt(*at_call("os", "fsync", 2, act), cwd=project)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    assert "train: cannot write .checkpoints/" in result.stdout
    assert "No space left on device" in result.stdout
    assert "going on after epoch 1" in run(*STAGE, cwd=project)
    assert outputs(project) == unharmed
