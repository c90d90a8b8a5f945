"""Copies of this project to run the real commands in, and a way to run them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
}
SMALL: dict[str, dict[str, Any]] = {  # trains in a second or two, and badly
    "download": {"dataset": "digits"},
    "model": {"conv_channels": [[4], [8]], "hidden_units": [16]},
    "train": {"epochs": 2, "batch_size": 64},
}


def copy_project(target: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """A Git repository with the files of this one as they are now and the default parameters, changed, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    shutil.copy(target / "recipes/default.yaml", target / "params.yaml")
    set_params(target, changes)
    run("git", "init", "--quiet", cwd=target)
    commit(target)
    return target


def commit(project: Path, *options: str) -> None:
    run("git", "add", "--all", cwd=project)
    run("git", "commit", "--quiet", "--message", "test", *options, cwd=project)


def set_params(project: Path, changes: dict[str, dict[str, Any]]) -> None:
    yaml = YAML()
    path = project / "params.yaml"
    document = yaml.load(path)
    for section, values in changes.items():
        document[section].update(values)
    yaml.dump(document, path)


def run(*command: str, cwd: Path, **environment: str) -> str:
    """The command's output and errors together; it must succeed."""
    result = attempt(*command, cwd=cwd, **environment)
    assert result.returncode == 0, result.stdout
    return result.stdout


def attempt(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stages_run(output: str) -> list[str]:
    """The stages whose commands DVC ran, in order."""
    marker = "> python -m stages."
    return [line.removeprefix(marker) for line in output.splitlines() if line.startswith(marker)]
