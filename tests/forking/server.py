"""Import libraries, then fork a child for each command: python server.py LISTENING_SOCKET"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

import colorama  # type: ignore[import-untyped]
import dvc.repo
import numpy
import torch

LIBRARIES = [
    # Not ONNX Runtime, which starts a thread, and not torchvision, in whose place a test puts another package.
    *("jinja2", "matplotlib.backends.backend_svg", "matplotlib.pyplot", "onnx", "pydantic", "safetensors.torch"),
    *("scipy.ndimage", "scipy.stats", "skimage.transform", "sklearn.datasets", "sklearn.metrics"),
    *("sklearn.model_selection", "tqdm"),
    # What DVC imports when it needs it.
    *(module.name for module in pkgutil.walk_packages(dvc.repo.__path__, "dvc.repo.")),
    *("celery.app.control", "dulwich.porcelain", "dvc.cli.parser", "hydra", "networkx", "pygit2", "tabulate"),
]


def serve(listener: socket.socket) -> socket.socket:
    """Fork for every connection until standard input is closed; return the connection in the new process."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the new processes
    while True:
        if 0 in select.select([listener.fileno(), 0], [], [])[0]:
            sys.exit()
        connection, _ = listener.accept()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            return connection
        connection.close()


def fork_for_command(connection: socket.socket) -> list[str]:
    """Receive a command and fork; return it in the child. The parent reports how the child ended, and exits."""
    _, files, _, _ = socket.recv_fds(connection, 1, 4)
    command, environment = json.loads(connection.makefile().readline())
    child = os.fork()
    if not child:
        connection.close()
        os.setpgrp()  # a test may kill its group
        os.fchdir(files[3])
        for number in range(3):
            os.dup2(files[number], number)
    for file in files:
        os.close(file)
    if child:
        report(child, connection)
    os.environ.clear()
    os.environ.update(environment)
    return command  # type: ignore[no-any-return]


def report(child: int, connection: socket.socket) -> NoReturn:
    """Send the child's number and, when it has ended, its status; kill it if the client ends before."""
    try:
        connection.sendall(b"%d\n" % child)
        ended = os.pidfd_open(child)
        if ended not in select.select([connection.fileno(), ended], [], [])[0]:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        connection.sendall(b"%d\n" % status)
    finally:
        os._exit(0)


def execute(program: str, *arguments: str) -> None:
    """Run `python -m`, `python -c` or `dvc`."""
    if program == "dvc":
        colorama.reinit()
        sys.argv = [program, *arguments]
        sys.exit(importlib.import_module("dvc.cli").main())
    option, value, *others = arguments
    sys.argv = [option, *others]
    if option == "-m":
        sys.path[0] = str(Path.cwd())
        runpy.run_module(value, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = ""
        exec(compile(value, "<string>", "exec"), {"__name__": "__main__"})


def main() -> NoReturn:
    """Serve; in a child, end as Python does, but without taking the modules down, which takes half a second."""
    for name in LIBRARIES:
        importlib.import_module(name)
    assert len([*Path("/proc/self/task").iterdir()]) == 1, (
        "a library has started a thread, and a child would be without it"
    )
    colorama.deinit()  # DVC had replaced the standard streams
    gc.freeze()  # otherwise a collection would copy all the memory that the children share
    command = fork_for_command(serve(socket.socket(fileno=int(sys.argv[1]))))
    for seed_randomly in (numpy.random.seed, torch.seed):
        seed_randomly()
    code: object = 0
    try:
        execute(*command)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main()
