"""Training in several processes: the same bytes, whatever happens to them."""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import psutil
import pytest

from src.train.processes import ALONE
from tests import group_member
from tests.helpers import ROOT, attempt, run, set_params, start
from tests.training_process import STAGE, read_outputs

LAUNCH = "from src.train.launcher import launch; launch({count}, 'tests.group_member')"
DEADLINE = 120.0  # seconds until a test ends that waits for output in vain
IN_PARTS: dict[str, dict[str, Any]] = {
    "train": {"shards": 4, "epochs": 12, "patience": 0, "threads": 1},
    "augment": {"rotation": 10.0},
}
EPOCH_LINE = ": training loss "


@pytest.fixture(scope="session")
def parts(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared project, with batches in four parts. Tests must not change it."""
    project = shutil.copytree(prepared, tmp_path_factory.mktemp("parts") / "project")
    set_params(project, IN_PARTS)
    return project


@pytest.fixture(scope="session")
def one_process(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of it."""
    project = shutil.copytree(parts, tmp_path_factory.mktemp("one") / "project")
    assert run(*STAGE, cwd=project).count(EPOCH_LINE) == 12
    return read_outputs(project)


@pytest.fixture
def parts_project(parts: Path, tmp_path: Path) -> Path:
    """A copy of the project with batches in parts."""
    return shutil.copytree(parts, tmp_path / "project")


class Running:
    """A command that is running, and its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""

    def wait_for(self, text: str) -> None:
        """Read until a line has the text."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            if text in line:
                return
        raise AssertionError(f"{text!r} is not in: {self.output}")

    def finish(self) -> int:
        """Read to the end, which is that of all processes, and return the exit code."""
        assert self.process.stdout
        self.output += self.process.stdout.read()
        return self.process.wait()

    def worker(self, rank: int) -> psutil.Process:
        """The process of this rank."""
        children = psutil.Process(self.process.pid).children()
        (worker,) = (child for child in children if child.environ().get("RANK") == str(rank))
        return worker


@contextmanager
def start_training(*command: str, cwd: Path, **environment: str) -> Iterator[Running]:
    """Start a command, and end it if the test fails or takes too long."""
    with start(*command, cwd=cwd, **environment) as process:
        timer = Timer(DEADLINE, process.kill)
        timer.start()
        try:
            yield Running(process)
        finally:
            timer.cancel()


def test_the_number_of_processes_does_not_change_the_result(tmp_path: Path) -> None:
    """Try augmentation, skipping, class weights, early stopping, a refit, and odd numbers of validation images."""
    expected = group_member.train_all(ALONE)
    assert len(set(expected)) == len(group_member.CASES)
    for count in (2, 4):
        file = tmp_path / f"{count}.txt"
        run(sys.executable, "-c", LAUNCH.format(count=count), cwd=ROOT, RESULTS=f"{file}")
        assert file.read_text().splitlines() == expected


def test_killed_processes_give_the_same_bytes(parts_project: Path, one_process: dict[str, bytes]) -> None:
    """Kill each of two processes in turn, which are started again, then their launcher; let one process resume."""
    with start_training(*STAGE, cwd=parts_project, TRAIN_PROCESSES="2") as training:
        training.wait_for("epoch 2/12")
        for rank in (0, 1):
            training.worker(rank).kill()
            training.wait_for(f"train: process {rank} was ended by SIGKILL; starting all 2 again")
            training.wait_for("train: resuming after epoch")
            training.wait_for(EPOCH_LINE)
        training.process.kill()
        training.finish()  # when both workers have closed their output
    output = run(*STAGE, cwd=parts_project)
    assert "train: resuming after epoch" in output
    assert output.count(EPOCH_LINE) <= 8
    assert read_outputs(parts_project) == one_process
    assert not list(parts_project.glob(".checkpoints/*"))


def test_networks_of_an_ensemble_are_dealt_to_the_processes(prepared_project: Path, tmp_path: Path) -> None:
    set_params(prepared_project, {"train": {"members": 3, "epochs": 2}, "augment": {"rotation": 10.0}})
    alone = Path(shutil.copytree(prepared_project, tmp_path / "alone"))
    run(*STAGE, cwd=alone)
    output = run(*STAGE, cwd=prepared_project, TRAIN_PROCESSES="2")
    assert output.count(EPOCH_LINE) == 4  # of the first and the third network; process 1 prints nothing
    assert output.count("train: resuming after epoch 2") == 3
    assert read_outputs(prepared_project) == read_outputs(alone)


def test_two_agents_that_share_no_folder_train_together(
    parts_project: Path, one_process: dict[str, bytes], tmp_path: Path
) -> None:
    """As on two machines. A process killed on one of them starts the group again on both."""
    other = Path(shutil.copytree(parts_project, tmp_path / "other"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--max-restarts=1"]
    command += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--local-addr=127.0.0.1"]
    command += ["--monitor-interval=0.1", "-m", "stages.train"]
    with ExitStack() as stack:
        agents = [
            stack.enter_context(start_training(*command, cwd=project, GLOO_SOCKET_IFNAME="lo"))
            for project in (parts_project, other)
        ]
        first, second = sorted(agents, key=lambda agent: agent.process.pid)  # as torchrun numbers them
        first.wait_for("epoch 2/12")
        second.worker(1).kill()
        first.wait_for("train: resuming after epoch")
        assert [agent.finish() for agent in agents] == [0, 0], first.output + second.output
    assert EPOCH_LINE not in second.output
    (written,) = (project for project in (parts_project, other) if (project / "data/train/metrics.json").exists())
    assert read_outputs(written) == one_process


def test_a_process_that_is_stopped_is_named(parts_project: Path) -> None:
    with start_training(*STAGE, cwd=parts_project, TRAIN_PROCESSES="2", TRAIN_TIMEOUT="5") as training:
        training.wait_for("epoch 2/12")
        stopped = training.worker(1)
        stopped.suspend()
        training.wait_for("train: process 1 of 2 has not answered for 5 seconds (TRAIN_TIMEOUT): it is stopped")
        stopped.resume()  # otherwise the agent kills it, half a minute later
        assert training.finish() == 1
    assert training.output.count("train: process") == 1
    assert "Traceback" not in training.output


def test_a_process_that_finds_no_other_ends(parts_project: Path) -> None:
    alone = {"TORCHELASTIC_RUN_ID": "test", "RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = attempt(*STAGE, cwd=parts_project, **alone, MASTER_PORT=f"{port}", TRAIN_TIMEOUT="1")
    assert result.returncode == 1
    assert "train: cannot reach the other processes (TRAIN_TIMEOUT: 1 seconds): " in result.stdout
    assert "Traceback" not in result.stdout


def test_an_interrupt_ends_all_with_one_line(parts_project: Path) -> None:
    with start_training(*STAGE, cwd=parts_project, TRAIN_PROCESSES="2") as training:
        training.wait_for("epoch 2/12")
        training.process.send_signal(signal.SIGTERM)
        assert training.finish() == 130
    assert training.output.count("interrupted; the same command resumes") == 1
    assert "Traceback" not in training.output


def test_a_mistake_is_reported_once(parts_project: Path) -> None:
    set_params(parts_project, {"train": {"learning_rate": 1e30, "schedule": "constant"}})
    result = attempt(*STAGE, cwd=parts_project, TRAIN_PROCESSES="2")
    assert result.returncode == 1
    assert result.stdout.count("train: the loss became nan in epoch 1/12, step") == 1
    assert "Traceback" not in result.stdout
    assert "train: process" not in result.stdout
