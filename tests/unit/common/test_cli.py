import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from src.common.cli import run_cli
from tests.helpers import ENVIRONMENT, ROOT


def run_python(code: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, **({"env": ENVIRONMENT} | settings))


def run_main(body: str, before: str = "", **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run a main function of this body with run_cli, as the split stage would; before: statements that run first."""
    code = f"""
{before}
import sys
from src.common.cli import run_cli
from src.common.errors import UsageError, UserError
sys.argv = ["stages/split.py"]
def main():
    {body}
run_cli(main)
"""
    return run_python(code, **({"capture_output": True} | settings))


@pytest.mark.parametrize("error", ["UserError", "OSError"])
def test_an_error_that_a_user_can_cause_is_one_message(error: str) -> None:
    result = run_main(f"raise {error}('what to do')")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "split: what to do\n")


def test_a_usage_error_is_one_message_with_exit_code_2() -> None:
    result = run_main("raise UsageError('no such recipe')")
    assert (result.returncode, result.stdout, result.stderr) == (2, "", "split: no such recipe\n")


@pytest.mark.parametrize("before", ["", "import colorama; colorama.init()"])  # importing DVC does the latter
def test_characters_that_the_terminal_cannot_show_are_replaced(before: str) -> None:
    environment = ENVIRONMENT | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = run_main(r"print('4: 61% \u00b7 9: 38%')", before, env=environment)
    assert (result.returncode, result.stdout) == (0, "4: 61% ? 9: 38%\n")


def fail_in_onednn(_size: int) -> None:
    raise RuntimeError("could not create a primitive")


@pytest.mark.parametrize("allocate", [torch.empty, bytearray, fail_in_onednn])
def test_too_little_memory_is_one_message(allocate: Callable[[int], object]) -> None:
    def main() -> None:
        allocate(2**60)

    with pytest.raises(SystemExit, match=r"^split: out of memory: "):
        run_cli(main, "split")


@pytest.mark.parametrize(
    "body", ["assert 1 + 1 == 3", "raise RuntimeError('could not create a primitive descriptor')", "int('')"]
)
def test_a_bug_keeps_its_traceback(body: str) -> None:
    result = run_main(body)
    assert result.returncode == 1
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(("returned", "code"), [("None", 0), ("0", 0), ("1", 1), ("3", 3)])
def test_the_exit_code_is_what_main_returns(returned: str, code: int) -> None:
    result = run_main(f"print('done'); return {returned}")
    assert (result.returncode, result.stdout, result.stderr) == (code, "done\n", "")


def test_a_pipe_that_its_reader_has_closed_ends_it_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = run_main("print('unread')", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


def test_closed_standard_streams_are_no_error() -> None:
    code = "import sys; from src.common.cli import run_cli; run_cli(lambda: print('lost', file={}))"
    for stream, redirection in (("sys.stdout", ">&-"), ("sys.stderr", "2>&-")):
        command = f'{sys.executable} -c "{code.format(stream)}" {redirection}'
        result = subprocess.run(["sh", "-c", command], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
        assert (result.returncode, result.stdout + result.stderr) == (0, "")
    code = "import sys; from src.common.cli import run_cli; run_cli(lambda: print(repr(sys.stdin.read())))"
    command = f'{sys.executable} -c "{code}" <&-'
    assert subprocess.check_output(["sh", "-c", command], cwd=ROOT, env=ENVIRONMENT, text=True) == "''\n"


def test_importing_a_stage_leaves_signal_handlers_alone() -> None:
    code = "import signal, stages; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    assert run_python(code, capture_output=True).stdout == "True\n"


def test_a_process_whose_terminal_is_closed_cleans_up(tmp_path: Path) -> None:
    code = f"""
import os, signal, tempfile
from src.common.cli import exit_on_interrupt
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run with nohup
exit_on_interrupt(quiet=True)
with tempfile.TemporaryDirectory(dir={str(tmp_path)!r}):
    os.kill(os.getpid(), signal.SIGHUP)
"""
    assert run_python(code).returncode == 130
    assert list(tmp_path.iterdir()) == []
