"""The commands of tests/forking: other tests would prove nothing if these did not do what new processes do."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.forking import forking_commands
from tests.helpers import attempt, run, start

SHOW = """\
import os, sys
print(sys.argv, sys.path[0], __name__, os.getcwd(), ascii(os.environ["VALUE"]), sys.stdout, flush=True)
sys.stdout.reconfigure(errors="replace")
"""
ENDS = {
    "return": "sys.stdout.write('no line end')",
    "exit code": "sys.exit(3)",
    "exit message": "sys.exit('message')",
    "exception": "1 / 0",
    "thread": "import threading; threading.Thread(target=lambda: print('thread')).start()",
    "exit handler": "import atexit; atexit.register(print, 'exit handler')",
    "SIGKILL": "import signal; os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "import signal; os.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_commands_end_as_new_processes_do(end: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(SHOW + end)
    for arguments in (("-c", SHOW + end), ("-m", "module")):
        new, forked = (
            attempt(python, *arguments, "--option", "a b", cwd=tmp_path, VALUE="\udcff é")
            for python in (sys.executable, "python")
        )
        assert forked.returncode == new.returncode
        new_lines, forked_lines = (result.stdout.splitlines() for result in (new, forked))
        assert "a b" in new_lines[0]
        assert (forked_lines[0], forked_lines[-1]) == (new_lines[0], new_lines[-1])  # not every line of a traceback


def test_commands_have_the_libraries_but_none_of_this_projects_code(tmp_path: Path) -> None:
    code = "import sys; print([name in sys.modules for name in ('torch', 'dvc', 'src', 'stages', 'tests')])"
    assert run("python", "-c", code, cwd=tmp_path) == "[True, True, False, False, False]\n"


def test_commands_draw_random_numbers_of_their_own(tmp_path: Path) -> None:
    code = "import numpy, random, torch; print(random.random(), numpy.random.random(), torch.rand(1).item())"
    one, other = (run("python", "-c", code, cwd=tmp_path).split() for _ in range(2))
    assert not set(one) & set(other)


def test_commands_have_the_callers_streams(tmp_path: Path) -> None:
    code = "import sys; print(sys.stdin.read()); print('error', file=sys.stderr)"
    command = [str(forking_commands() / "python"), "-c", code]
    result = subprocess.run(command, input="input", capture_output=True, text=True, cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("input\n", "error\n")


def test_commands_receive_their_callers_signals_and_end_with_it(tmp_path: Path) -> None:
    code = (
        "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); print(os.getpid(), flush=True);"
        "signal.sigwait([signal.SIGTERM]); print('received', flush=True); signal.pause()"
    )
    with start("python", "-c", code, cwd=tmp_path) as caller:
        assert caller.stdout
        process = psutil.Process(int(caller.stdout.readline()))
        caller.terminate()
        assert caller.stdout.readline() == "received\n"
        caller.kill()
        process.wait(timeout=60)
