"""Copies of this project to run the real commands in, and the means to run them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.copying import copy_project
from src.common.params import read_yaml
from src.download.decisions import COLUMNS
from src.params.documentation import render_params
from src.params.params import default_values
from tests.forking import forking_commands

ROOT = Path(__file__).parent.parent
STAGES = list(read_yaml(ROOT / "dvc.yaml")["stages"])
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "SHELL": "/bin/sh",  # runs the stages; unlike Bash, dash stays between DVC and a stage
    "PYTHONUNBUFFERED": "",  # off, as usual: output that is still buffered at the end must be written, too
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
}
NEW_PROCESSES = {"PATH": ENVIRONMENT["PATH"]}
SMALL: dict[str, dict[str, Any]] = {  # trains in a second or two, to a poor accuracy
    "download": {"dataset": "digits"},
    "model": {"conv_channels": [[4], [8]], "hidden_units": [16]},
    "train": {"epochs": 2, "batch_size": 64},
    "report": {"max_images": 6},
}


MEDIUM = {"conv_channels": [[16], [32]], "hidden_units": [64]}  # a model that reaches a good accuracy in seconds


def make_project(target: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """Commit a copy of this project, with default parameters and these changes, to a new Git repository.

    Leave out what its users add: files of their own under DVC, a remote, and decisions about labels.
    """
    copy_project(target)
    for record in filter(Path.is_file, target.glob("*.dvc")):
        record.unlink()
    (target / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (target / "labels.csv").write_text(f"{','.join(COLUMNS)}\n")
    (target / "params.yaml").write_text(render_params(default_values()))
    set_params(target, changes)
    run("git", "init", "--quiet", cwd=target)
    commit(target)
    return target


def link_environment(project: Path) -> None:
    """Give the project an environment with `python` and `dvc`, so that make does not set one up."""
    environment = project / ".venv"
    (environment / "bin").mkdir(parents=True)
    for program in ("python", "dvc"):
        (environment / "bin" / program).symlink_to(forking_commands() / program)
    (environment / "installed").touch()


def commit(project: Path, *options: str) -> None:
    """Commit everything that Git does not ignore."""
    run("git", "add", "--all", cwd=project)
    run("git", "commit", "--quiet", "--message", "test", *options, cwd=project)


def set_params(project: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Change values in the project's params.yaml."""
    yaml = YAML()
    path = project / "params.yaml"
    document = yaml.load(path)
    for section, values in changes.items():
        document[section].update(values)
    yaml.dump(document, path)


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed, and return its output and errors together.

    `python` and `dvc` are run by a process that has imported the libraries already, see tests/forking, also where
    another command runs them. With NEW_PROCESSES as environment, they are new processes, as is sys.executable.
    """
    result = attempt(*command, cwd=cwd, **environment)
    assert result.returncode == 0, result.stdout
    return result.stdout


def attempt(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail; its errors are in stdout, too."""
    with start(*command, cwd=cwd, **environment) as process:
        output, _ = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output)


@contextmanager
def start(*command: str, cwd: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command, whose errors are in stdout, too, and kill it at the end if it is still running."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=ENVIRONMENT | {"PATH": f"{forking_commands()}{os.pathsep}{ENVIRONMENT['PATH']}"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def stages_run(output: str) -> list[str]:
    """The stages whose commands DVC ran, in order."""
    marker = "> python -m stages "
    return [line.removeprefix(marker) for line in output.splitlines() if line.startswith(marker)]
