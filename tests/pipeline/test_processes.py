"""Training in several processes: the same bytes, whatever happens to them."""

import sys
from pathlib import Path

from tests.helpers import ROOT, run

LAUNCH = "from src.train.launcher import launch; launch({count}, 'tests.group_member')"


def test_the_number_of_processes_does_not_change_the_result(tmp_path: Path) -> None:
    results = {}
    for count in (1, 2, 4):
        file = tmp_path / f"{count}.txt"
        command = ("-m", "tests.group_member") if count == 1 else ("-c", LAUNCH.format(count=count))
        run(sys.executable, *command, cwd=ROOT, RESULTS=f"{file}")
        results[count] = file.read_text().splitlines()
    assert len(set(results[1])) > 12
    assert results[2] == results[1]
    assert results[4] == results[1]
