"""`python` and `dvc` for the tests, without the one to three seconds that each takes to import PyTorch or DVC.

A server has imported the libraries, and forks a child for each command. It runs `python -m`, `python -c` or `dvc` with
the command's environment, folder and standard streams. The child differs from a new process in one thing: the libraries
are imported already. The project's own code is not, and the child imports it from wherever the command runs.
"""

import atexit
import functools
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory


@functools.cache
def forking_commands() -> Path:
    """Start the server, which ends with this process; return a folder with its `python` and `dvc`."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(TemporaryDirectory()))
    here = Path(__file__).parent
    for program in ("python", "dvc"):
        command = f'exec {sys.executable} -IS {here / "client.py"} {folder / "socket"} {program} "$@"'
        (folder / program).write_text(f"#!/bin/sh\n{command}\n")
        (folder / program).chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(100)
        server = stack.enter_context(
            subprocess.Popen(
                [sys.executable, here / "server.py", str(listener.fileno())],
                # Read here; a child would set them too late.
                env=os.environ | {"TORCH_CPP_LOG_LEVEL": "FATAL", "PYTHONUNBUFFERED": ""},
                pass_fds=[listener.fileno()],
                start_new_session=True,  # an interrupt is for the tests
                stdin=subprocess.PIPE,  # closed at the end, when the server ends, too
                # Nothing, unless the server fails. A child could not use streams that were opened for a regular file.
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    stack.callback(lambda: print(server.communicate()[0], end="", file=sys.stderr))
    return folder


def forked_process(client: int) -> int:
    """Return the process in which a command really runs, to kill or suspend it; client: the process that was started.

    If it is killed, the client ends as if it had been killed itself.
    """
    file = forking_commands() / f"socket.{client}"
    while not (file.exists() and file.read_text()):
        time.sleep(0.01)
    return int(file.read_text())
