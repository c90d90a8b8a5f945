"""Lock files that a kill has cut off while DVC wrote them."""

import sys
from pathlib import Path

import pytest

from tests.helpers import attempt, run, stages_run

REPAIR = (sys.executable, "-m", "tools.repair")


@pytest.mark.parametrize("length", [0, 300])
def test_broken_lock_files_are_repaired_and_nothing_is_run_again(project: Path, length: int) -> None:
    assert run(*REPAIR, cwd=project) == ""
    complete = (project / "dvc.lock").read_bytes()
    (project / "dvc.lock").write_bytes(complete[:length])
    (project / ".dvc/tmp/rwlock").write_bytes(b"")
    assert attempt("dvc", "repro", cwd=project).returncode != 0
    output = run(*REPAIR, cwd=project)
    assert "dvc.lock was cut off by a kill; kept it as dvc.lock.broken" in output
    assert "rwlock was cut off by a kill" in output
    assert (project / "dvc.lock.broken").read_bytes() == complete[:length]
    assert (project / "dvc.lock").read_bytes() == complete
    assert stages_run(run("dvc", "repro", cwd=project)) == []
