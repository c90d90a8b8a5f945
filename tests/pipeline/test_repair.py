"""`dvc repro` killed in every stage and while DVC writes, and the lock files that are then cut off."""

import os
import shlex
import shutil
import signal
from pathlib import Path

import pytest

from tests.forking import forking_commands
from tests.helpers import ENVIRONMENT, STAGES, attempt, link_environment, run, stages_run

REPAIR = ("python", "-m", "tools.repair")
# Runs `dvc repro`, and kills it when it has opened the file KILLED for writing, and is about to fill it.
DVC = """
import os, signal, sys, dvc.cli, dvc.rwlock, dvc.utils.serialize._yaml
os.environ["DVC_PROCESS"] = str(os.getpid())
def kill_at(write):
    def write_or_kill(data, file, **options):
        if file.name.endswith(os.environ["KILLED"]):
            os.kill(os.getpid(), signal.SIGKILL)
        write(data, file, **options)
    return write_or_kill
dvc.rwlock.json.dump = kill_at(dvc.rwlock.json.dump)
dvc.utils.serialize._yaml._dump = kill_at(dvc.utils.serialize._yaml._dump)
sys.exit(dvc.cli.main(["repro"]))
"""
# What DVC runs as `python -m stages NAME`: kills DVC and itself when a stage is about to complete a file.
PYTHON = """
import os, runpy, signal, sys
def kill(_):
    os.kill(int(os.environ["DVC_PROCESS"]), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
_, _, *sys.argv = sys.argv
if sys.argv[1] == os.environ["KILLED"]:
    os.fsync = kill
runpy.run_module("stages", run_name="__main__", alter_sys=True)
"""


def test_make_repro_continues_wherever_it_was_killed(project: Path, tmp_path: Path) -> None:
    """Start from nothing, and kill `dvc repro` while it writes each of its own files, and in every stage."""
    shutil.rmtree(project / ".dvc/cache")
    shutil.rmtree(project / "data")
    (project / "dvc.lock").unlink()
    commands = forking_commands()
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text(f'#!/bin/sh\nexec {shlex.join([str(commands / "python"), "-c", PYTHON])} "$@"\n')
    python.chmod(0o755)
    search = os.pathsep.join([str(python.parent), str(commands), ENVIRONMENT["PATH"]])
    for killed in ("rwlock", *STAGES, "dvc.lock"):
        result = attempt(str(commands / "python"), "-c", DVC, cwd=project, PATH=search, KILLED=killed)
        assert result.returncode == -signal.SIGKILL, result.stdout
        repaired = run(*REPAIR, cwd=project)
        assert ("was truncated when DVC was killed" in repaired) == (killed not in STAGES)
    link_environment(project)
    assert stages_run(run("make", "repro", cwd=project)) == []  # the run cache has the last one, too
    assert run("git", "status", "--porcelain", "dvc.lock", "data/evaluate", cwd=project) == ""
    assert run("dvc", "status", cwd=project).strip() == "Data and pipelines are up to date."


def test_a_merge_is_left_to_the_user(project: Path) -> None:
    merged = "<<<<<<< HEAD\n" + (project / "dvc.lock").read_text()
    (project / "dvc.lock").write_text(merged)
    result = attempt(*REPAIR, cwd=project)
    assert result.returncode == 1
    assert result.stdout.startswith("repair: dvc.lock has conflict markers; `git checkout --ours dvc.lock data`")
    assert (project / "dvc.lock").read_text() == merged
    (project / "photos.dvc").write_text("<<<<<<< HEAD\nouts:\n")
    assert attempt(*REPAIR, cwd=project).stdout.startswith("repair: photos.dvc has conflict markers; docs/sharing.md")


@pytest.mark.parametrize("end", ["", "schema: '2.0'\nstages:\n  download:", "    size: "])
def test_broken_lock_files_are_repaired_and_nothing_is_run_again(project: Path, end: str) -> None:
    assert run(*REPAIR, cwd=project) == ""
    complete = (project / "dvc.lock").read_bytes()
    cut_off = complete[: complete.index(end.encode()) + len(end)]
    (project / "dvc.lock").write_bytes(cut_off)
    (project / ".dvc/tmp/rwlock").write_bytes(b"")
    assert attempt("dvc", "repro", cwd=project).returncode != 0
    output = run(*REPAIR, cwd=project)
    assert "dvc.lock was truncated when DVC was killed; kept it as dvc.lock.broken" in output
    assert "rwlock was truncated when DVC was killed" in output
    assert (project / "dvc.lock.broken").read_bytes() == cut_off
    assert (project / "dvc.lock").read_bytes() == complete
    assert stages_run(run("dvc", "repro", cwd=project)) == []


def test_a_repository_that_git_refuses_is_left_alone(project: Path) -> None:
    (project / "dvc.lock").write_bytes(b"")
    for tool in (REPAIR, ("python", "-m", "tools.compare", "HEAD")):
        result = attempt(*tool, cwd=project, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
        assert result.returncode == 1
        assert "fatal: detected dubious ownership in repository at" in result.stdout
        assert "git config --global --add safe.directory" in result.stdout
    assert (project / "dvc.lock").read_bytes() == b""
