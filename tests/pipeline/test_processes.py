"""Training in several processes: the same bytes, whatever happens to them."""

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from src.common.errors import UserError
from src.train.processes import ALONE, join_group
from tests import group_member
from tests.forking import forked_process, forking_commands
from tests.helpers import ROOT, run, set_params, start
from tests.training_process import FORKED_STAGE, STAGE, read_outputs

LAUNCH = "from src.train.processes import launch; launch(4, 'tests.group_member')"
TRAIN = "import runpy; sys.argv = ['stages', 'train']; runpy.run_module('stages', None, '__main__', alter_sys=True)"
EPOCHS = 10
SHARDED: dict[str, dict[str, Any]] = {
    "train": {"shards": 4, "epochs": EPOCHS, "patience": 0, "threads": 1},
    "augment": {"rotation": 10.0},
}
EPOCH_LINE = ": training loss "
RESUMES = "the same command resumes from the last completed epoch"


@pytest.fixture(scope="session")
def sharded(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared project, with batches in four shards. Tests must not change it."""
    project = shutil.copytree(prepared, tmp_path_factory.mktemp("sharded") / "project")
    set_params(project, SHARDED)
    return project


@pytest.fixture(scope="session")
def one_process(sharded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of it."""
    project = shutil.copytree(sharded, tmp_path_factory.mktemp("one") / "project")
    assert run(*FORKED_STAGE, cwd=project).count(EPOCH_LINE) == EPOCHS
    return read_outputs(project)


@pytest.fixture
def project(sharded: Path, tmp_path: Path) -> Path:
    """A copy of the project with batches in shards."""
    return shutil.copytree(sharded, tmp_path / "project")


class Running:
    """A command that is running, and its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""
        self.start: int | None = None  # of the output after the first line that was waited for

    def wait_for(self, text: str) -> None:
        """Read until a line has the text."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            if text in line:
                self.start = self.start or len(self.output)
                return
        raise AssertionError(f"{text!r} is not in: {self.output}")

    def finish(self) -> int:
        """Read to the end, which is that of all processes, and return the exit code."""
        assert self.process.stdout
        self.output += self.process.stdout.read()
        return self.process.wait()

    def errors(self) -> list[str]:
        """The lines after the first one that was waited for, except for the progress."""
        lines = self.output[self.start :].splitlines()
        return [line for line in lines if line.strip() and not line.startswith("epoch ")]

    def worker(self, rank: int) -> psutil.Process:
        """The process of this rank."""
        children = psutil.Process(forked_process(self.process.pid)).children()
        (worker,) = (child.pid for child in children if child.environ().get("RANK") == str(rank))
        return psutil.Process(forked_process(worker))


@contextmanager
def start_training(*command: str, cwd: Path, **environment: str) -> Iterator[Running]:
    """Start a command, and end it if the test fails."""
    with start(*command, cwd=cwd, **environment) as process:
        yield Running(process)


def forking_workers(code: str) -> tuple[str, ...]:
    """A command that runs code whose workers are forked, too, and do not end with it if it is killed."""
    return "python", "-c", f"import sys; sys.executable = '{forking_commands() / 'python'}'; {code}"


def test_the_number_of_processes_does_not_change_the_result(tmp_path: Path) -> None:
    """Try augmentation, skipping, class weights, early stopping, a refit, and odd numbers of validation images.

    Four processes, because the tests below compare two with one. At the end, three of them wait for one.
    """
    expected = group_member.train_all(ALONE)
    assert len(set(expected)) == len(group_member.CASES)
    file = tmp_path / "results.txt"
    run(*forking_workers(LAUNCH), cwd=ROOT, RESULTS=f"{file}")
    assert file.read_text().splitlines() == expected


def test_killed_processes_give_the_same_bytes(project: Path, one_process: dict[str, bytes]) -> None:
    """Kill one of two processes, then the launcher of two others; let one process finish."""
    with start_training(*forking_workers(TRAIN), cwd=project, TRAIN_PROCESSES="2") as training:
        training.wait_for("epoch 1/")
        training.worker(0).kill()
        assert training.finish() == 1
    assert training.errors() == [f"train: process 0 was killed by SIGKILL; {RESUMES}"]
    with start_training(*STAGE, cwd=project, TRAIN_PROCESSES="2") as training:
        training.wait_for("train: resuming after epoch")
        training.wait_for(EPOCH_LINE)
        training.process.kill()
        training.finish()  # when both workers have closed their output
    assert training.errors() == []  # because `launch` silences PyTorch, which forked processes would not show
    output = run(*FORKED_STAGE, cwd=project)
    assert "train: resuming after epoch" in output  # so the workers have ended, not finished
    assert output.count(EPOCH_LINE) <= EPOCHS - 2
    assert read_outputs(project) == one_process
    assert not list(project.glob(".checkpoints/*"))


def test_two_agents_that_share_no_folder_train_together(
    project: Path, one_process: dict[str, bytes], tmp_path: Path
) -> None:
    """As on two machines. A process killed on one of them starts the group again on both."""
    other = Path(shutil.copytree(project, tmp_path / "other"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = ["python", "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--max-restarts=1"]
    command += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--local-addr=127.0.0.1"]
    command += ["-m", "stages", "train"]
    environment = {"GLOO_SOCKET_IFNAME": "lo", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    environment["PYTHON_EXEC"] = f"{forking_commands() / 'python'}"  # with which an agent starts its processes
    with ExitStack() as stack:
        agents = [
            stack.enter_context(start_training(*command, cwd=folder, **environment)) for folder in (project, other)
        ]
        first, second = sorted(agents, key=lambda agent: forked_process(agent.process.pid))  # as torchrun numbers them
        first.wait_for("epoch 1/")
        second.worker(1).kill()
        first.wait_for("train: resuming after epoch")
        assert [agent.finish() for agent in agents] == [0, 0], first.output + second.output
    assert EPOCH_LINE not in second.output
    (written,) = (folder for folder in (project, other) if (folder / "data/train/metrics.json").exists())
    assert read_outputs(written) == one_process


def test_networks_of_an_ensemble_are_dealt_to_the_processes(prepared_project: Path, tmp_path: Path) -> None:
    """Suspend a process until the other one has trained its networks, which then waits."""
    set_params(prepared_project, {"train": {"members": 3, "epochs": 2}, "augment": {"rotation": 10.0}})
    alone = Path(shutil.copytree(prepared_project, tmp_path / "alone"))
    run(*FORKED_STAGE, cwd=alone)
    with start_training(*forking_workers(TRAIN), cwd=prepared_project, TRAIN_PROCESSES="2") as training:
        training.wait_for("train: on cpu")
        slow = training.worker(1)
        slow.suspend()
        for _network in range(2):
            training.wait_for("epoch 2/2")
        slow.resume()
        assert training.finish() == 0
    assert training.output.count(EPOCH_LINE) == 4  # of the first and the third network; process 1 prints nothing
    assert training.output.count("train: resuming after epoch 2") == 3
    assert read_outputs(prepared_project) == read_outputs(alone)


def test_a_suspended_process_is_named(project: Path) -> None:
    with start_training(*forking_workers(TRAIN), cwd=project, TRAIN_PROCESSES="2", TRAIN_TIMEOUT="5") as training:
        training.wait_for("epoch 1/")
        suspended = training.worker(1)
        suspended.suspend()
        training.wait_for("train: ")
        suspended.resume()  # otherwise the agent kills it, half a minute later
        assert training.finish() == 1
    (error,) = training.errors()
    message, reason = error.split("; PyTorch: ")
    assert message == (
        f"train: another process has ended, or is suspended, hung or unreachable (TRAIN_TIMEOUT: 5 seconds); {RESUMES}"
    )
    # The second, without the rank, if the process is suspended during an exchange, which is seldom.
    assert re.fullmatch(
        r"\[Rank 0\]: Ranks 1 failed to pass monitoredBarrier in 5000 ms"
        r"|.* Timed out waiting 10000ms for \w+ operation to complete",
        reason,
    )


def test_an_interrupt_ends_all_with_one_line(project: Path) -> None:
    with start_training(*forking_workers(TRAIN), cwd=project, TRAIN_PROCESSES="2") as training:
        training.wait_for("epoch 1/")
        training.process.send_signal(signal.SIGINT)
        assert training.finish() == 130
    assert training.errors() == [f"interrupted; {RESUMES} or stage"]


def test_an_error_is_reported_once_and_not_repeated(project: Path) -> None:
    set_params(project, {"train": {"learning_rate": 1e30, "schedule": "constant"}})
    with start_training(*forking_workers(TRAIN), cwd=project, TRAIN_PROCESSES="2") as training:
        training.wait_for("train: on cpu")
        assert training.finish() == 1
    (error,) = training.errors()
    assert error.startswith(f"train: the loss became nan in epoch 1/{EPOCHS}, step")


def test_a_process_that_finds_no_other_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    alone = {"RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TRAIN_TIMEOUT": 1}
    for name, value in alone.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("src.train.processes.signal_when_ended", lambda *_: None)
    with pytest.raises(UserError, match=r"cannot reach the other processes \(TRAIN_TIMEOUT: 1 s"), join_group():
        raise AssertionError
