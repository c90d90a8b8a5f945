"""DVC's queue: the commands of docs/experiments.md, with a worker that is killed in the middle of a training run."""

import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.helpers import ENVIRONMENT, ROOT, attempt, run
from tests.training_process import at_call

SECTION = (ROOT / "docs/experiments.md").read_text().split("\n## Grids and queues\n")[1].split("\n## Watch\n")[0]
COMMANDS = re.findall(r"^\$ (.+?)(?:  +#.*)?$", SECTION, re.MULTILINE)
GRID = "dvc exp run --queue --name {} -S 'model.dropout=0,0.25,0.5' -S 'train.seed=range(3)'"
# Announce the block, which waits for a reader, then wait for a writer that never comes.
BLOCK = 'open(os.environ["BLOCKED"], "w").close() or open(os.environ["NEVER"]).read()'


class Queue:
    """The queue of a project. Commands are run only if the page has them, and are remembered."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project = project
        self.executed: set[str] = set()
        self.blocked = folder / "blocked"
        never, python = folder / "never", folder / "bin/python"  # with which DVC runs the stages
        for path in (self.blocked, never):
            os.mkfifo(path)
        python.parent.mkdir()
        command = at_call("os", "fsync", 3, BLOCK, sys.executable)  # after the first epoch
        python.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
        python.chmod(0o755)
        search = f"{python.parent}{os.pathsep}{ENVIRONMENT['PATH']}"
        self.blocking = {"PATH": search, "BLOCKED": str(self.blocked), "NEVER": str(never)}

    def execute(self, command: str, *options: str) -> str:
        """Run a command of the page, with further options."""
        assert command in COMMANDS
        self.executed.add(command)
        return run(*shlex.split(command), *options, cwd=self.project)

    def states(self) -> dict[str, str]:
        """The state of every experiment, by name."""
        status = self.execute("dvc queue status")
        return dict(re.findall(r"^\w{7}  (\S+) .* (\w+)$", status, re.MULTILINE))

    def wait(self, name: str) -> dict[str, str]:
        """Return the states once this experiment has ended."""
        deadline = time.monotonic() + 120
        # DVC does not list an experiment in the moment in which a worker takes it from the queue.
        while (states := self.states()).get(name) not in ("Failed", "Success"):
            assert time.monotonic() < deadline, states
            # With a limit, because the log of a run whose worker has ended is followed forever.
            attempt("timeout", "10", "dvc", "queue", "logs", "--follow", name, cwd=self.project)
        return states

    def start(self, **environment: str) -> None:
        """Start a worker. It keeps the standard output of the command open, so that must not be a pipe."""
        assert "dvc queue start" in COMMANDS
        self.executed.add("dvc queue start")
        run("sh", "-c", "dvc queue start >/dev/null 2>&1", cwd=self.project, **environment)

    def start_and_block(self) -> None:
        """Start a worker, and wait until its training run has completed an epoch and blocks."""
        self.start(**self.blocking)
        run("timeout", "60", "cat", str(self.blocked), cwd=self.project)

    def worker(self) -> int:
        """The process id of the latest worker."""
        path = self.project / ".dvc/tmp/exps/celery/dvc-exp-worker-1.json"
        pid: int = json.loads(path.read_text())["pid"]
        return pid

    def kill_worker(self) -> None:
        """Kill the latest worker and everything that it has started, and wait until nothing is left of them.

        DVC takes a process that has ended, but that the system's first process has not waited for, for a running one.
        """
        group = os.getpgid(self.worker())
        members = []
        for process in psutil.process_iter():
            with suppress(ProcessLookupError):
                if os.getpgid(process.pid) == group:
                    members.append(process)
        os.killpg(group, signal.SIGKILL)
        _, remaining = psutil.wait_procs(members, timeout=60)
        assert not remaining


@pytest.fixture
def queue(project: Path, tmp_path: Path) -> Iterator[Queue]:
    queue = Queue(project, tmp_path)
    yield queue
    with suppress(FileNotFoundError, ProcessLookupError):
        queue.kill_worker()


def test_the_documented_commands_on_a_queue_that_is_killed(queue: Queue) -> None:
    project = queue.project
    assert "Queued experiment 'grid-9'" in queue.execute(GRID.format("grid"))
    run("dvc", "queue", "remove", *(f"grid-{number}" for number in range(2, 10)), cwd=project)  # to save time
    queue.start_and_block()
    assert "epoch 1/2" in queue.execute("dvc queue logs grid-1")
    queue.kill_worker()
    assert queue.states() == {"grid-1": "Running"}  # as far as DVC knows
    queue.execute("dvc queue kill grid-1")
    queue.execute(GRID.format("retry"), "-S", "model.dropout=0", "-S", "train.seed=0,1")  # which replace the grid
    run("dvc", "queue", "remove", "retry-2", cwd=project)
    queue.start()
    assert queue.wait("retry-1") == {"grid-1": "Failed", "retry-1": "Success"}
    assert "train: resuming after epoch 1 from " in run("dvc", "queue", "logs", "retry-1", cwd=project)

    text = queue.execute("python -m tools.sweep --plot sweep.png")
    assert "## Highest mean validation accuracy: the only setting" in text
    assert "Not counted: 1 failed in DVC's queue" in text
    assert "Removed tasks in queue: grid-1" in queue.execute("dvc queue remove --failed")
    assert (project / "sweep.png").read_bytes().startswith(b"\x89PNG")
    queue.execute("dvc exp branch retry-1 no-dropout")
    assert "retry-1" in queue.execute("dvc queue remove --all")
    queue.execute("dvc exp remove --all-commits")
    queue.execute("dvc gc -q --workspace --all-commits --force")
    assert not run("dvc", "exp", "list", "--all-commits", cwd=project)
    run("git", "checkout", "--quiet", "no-dropout", cwd=project)
    assert "dropout: 0\n" in (project / "params.yaml").read_text()
    run("dvc", "checkout", cwd=project)
    assert run("dvc", "status", cwd=project).strip() == "Data and pipelines are up to date."
    assert queue.executed == set(COMMANDS)
