"""Lock files that a kill has cut off while DVC wrote them."""

from pathlib import Path

import pytest

from tests.helpers import attempt, run, stages_run

REPAIR = ("python", "-m", "tools.repair")


def test_a_merge_is_left_to_the_user(project: Path) -> None:
    merged = "<<<<<<< HEAD\n" + (project / "dvc.lock").read_text()
    (project / "dvc.lock").write_text(merged)
    result = attempt(*REPAIR, cwd=project)
    assert result.returncode == 1
    assert result.stdout.startswith("repair: dvc.lock has conflict markers; `git checkout --ours dvc.lock`")
    assert (project / "dvc.lock").read_text() == merged


@pytest.mark.parametrize("end", ["", "schema: '2.0'\nstages:\n  download:", "    size: "])
def test_broken_lock_files_are_repaired_and_nothing_is_run_again(project: Path, end: str) -> None:
    assert run(*REPAIR, cwd=project) == ""
    complete = (project / "dvc.lock").read_bytes()
    cut_off = complete[: complete.index(end.encode()) + len(end)]
    (project / "dvc.lock").write_bytes(cut_off)
    (project / ".dvc/tmp/rwlock").write_bytes(b"")
    assert attempt("dvc", "repro", cwd=project).returncode != 0
    output = run(*REPAIR, cwd=project)
    assert "dvc.lock was cut off by a kill; kept it as dvc.lock.broken" in output
    assert "rwlock was cut off by a kill" in output
    assert (project / "dvc.lock.broken").read_bytes() == cut_off
    assert (project / "dvc.lock").read_bytes() == complete
    assert stages_run(run("dvc", "repro", cwd=project)) == []
