import subprocess
import sys

import pytest

from tests.project import ROOT


def run_main(body: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys\nfrom src.run import run\nsys.argv = ['stages/split.py']\ndef main():\n    {body}\nrun(main)"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("error", ["ValueError", "OSError"])
def test_what_a_user_can_cause_is_one_message(error: str) -> None:
    result = run_main(f"raise {error}('what to do')")
    assert (result.returncode, result.stderr) == (1, "split: what to do\n")


@pytest.mark.parametrize("body", ["import torch; torch.empty(2**60)", "bytearray(2**60)"])
def test_too_little_memory_is_one_message(body: str) -> None:
    result = run_main(body)
    assert result.returncode == 1
    assert result.stderr.startswith("split: out of memory: ")
    assert "Traceback" not in result.stderr


def test_what_only_we_can_cause_shows_where() -> None:
    result = run_main("assert 1 + 1 == 3")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_a_main_that_ends_well_ends_well() -> None:
    assert run_main("print('done')").stdout == "done\n"


def test_importing_a_stage_leaves_signals_alone() -> None:
    code = "import signal, stages; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "True\n"
