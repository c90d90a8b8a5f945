"""Training runs that are killed, as real processes, and then resumed.

The moments are calls of os.fsync, one per file written. A training run of 3 epochs writes, without being disturbed:
checkpoint and history.csv (1 to 6, two per epoch), then the six outputs (7 to 12: model, metrics, history.csv, ...).
A resumed training first writes history.csv once more.
"""

import shutil
import signal
from pathlib import Path

from tests.helpers import attempt, run, set_params
from tests.training_process import FORKED_STAGE, KILL, at_call, read_outputs

EPOCH_LINE = ": training loss "
SECOND_CHECKPOINT = ("os", "fsync", 3)  # of a training run from the start


def test_killed_at_every_kind_of_moment_it_gives_the_same_bytes(
    prepared_project: Path, undisturbed: dict[str, bytes]
) -> None:
    """Kill one training seven times, each time resuming from what the previous attempt left."""
    for owner, name, number, epochs_kept in (
        ("src.train.learner.AdamW", "step", 4, 0),  # in the first epoch
        ("os", "fsync", 1, 0),  # while the first checkpoint is written
        ("os", "fsync", 2, 0),  # while history.csv is written, after the first checkpoint
        ("os", "fsync", 2, 1),  # while the second checkpoint replaces the first
        ("src.train.learner.AdamW", "step", 4, 1),  # in an epoch after a completed one
        ("os", "fsync", 6, 1),  # between the last epoch and the outputs
        ("os", "fsync", 4, 3),  # with some of the outputs written
    ):
        result = attempt(*at_call(owner, name, number, KILL), cwd=prepared_project)
        assert result.returncode == -signal.SIGKILL
        assert (f"resuming after epoch {epochs_kept}" in result.stdout) == (epochs_kept > 0)
    output = run(*FORKED_STAGE, cwd=prepared_project)
    assert "resuming after epoch 3" in output
    assert EPOCH_LINE not in output
    assert read_outputs(prepared_project) == undisturbed
    assert not list(prepared_project.glob("data/train/.*"))
    assert not list(prepared_project.glob(".checkpoints/*"))


def test_completed_members_of_an_ensemble_are_not_trained_again(prepared_project: Path, tmp_path: Path) -> None:
    set_params(prepared_project, {"train": {"members": 2, "epochs": 2}})
    whole = Path(shutil.copytree(prepared_project, tmp_path / "whole"))
    run(*FORKED_STAGE, cwd=whole)
    set_params(prepared_project, {"train": {"members": 3}})  # the number is not part of a member's key
    attempt(*at_call("os", "fsync", 7, KILL), cwd=prepared_project)  # at the last checkpoint of the second member
    set_params(prepared_project, {"train": {"members": 1}})
    assert EPOCH_LINE not in run(
        *FORKED_STAGE, cwd=prepared_project
    )  # and it leaves the second member's checkpoint alone
    set_params(prepared_project, {"train": {"members": 2}})
    output = run(*FORKED_STAGE, cwd=prepared_project)
    assert output.count("resuming after epoch") == 1
    assert output.count(EPOCH_LINE) == 2 + 1
    assert read_outputs(prepared_project) == read_outputs(whole)
    assert not list(prepared_project.glob(".checkpoints/*"))


def test_other_parameters_start_from_scratch(prepared_project: Path, undisturbed: dict[str, bytes]) -> None:
    attempt(*at_call(*SECOND_CHECKPOINT, KILL), cwd=prepared_project)
    set_params(prepared_project, {"train": {"seed": 5}})
    assert "resuming" not in run(*FORKED_STAGE, cwd=prepared_project)
    set_params(prepared_project, {"train": {"seed": 0}})
    assert "resuming after epoch 1" in run(*FORKED_STAGE, cwd=prepared_project)
    assert read_outputs(prepared_project) == undisturbed


def test_a_damaged_checkpoint_is_renamed_and_not_used(prepared_project: Path, undisturbed: dict[str, bytes]) -> None:
    attempt(*at_call(*SECOND_CHECKPOINT, KILL), cwd=prepared_project)
    (checkpoint,) = prepared_project.glob(".checkpoints/*/*.checkpoint")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    output = run(*FORKED_STAGE, cwd=prepared_project)
    assert "is damaged or from another version; renamed it to" in output
    assert "resuming" not in output
    assert read_outputs(prepared_project) == undisturbed
