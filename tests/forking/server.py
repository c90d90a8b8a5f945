"""Import libraries, then fork a child for each command: python server.py LISTENING_SOCKET"""

import atexit
import gc
import importlib
import marshal
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

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


def serve(listener: socket.socket) -> list[str]:
    """Fork for every command until standard input is closed; return the command in the new process.

    Send a client its process's number and, when that has ended, its status; kill the process if the client ends before.
    """
    running: dict[int, tuple[int, socket.socket]] = {}  # processes and their clients, by a file that tells of the end
    while True:
        watched: list[Any] = [0, listener, *running, *(client for _, client in running.values())]
        ready, _, _ = select.select(watched, [], [])
        if 0 in ready:
            for process, _ in running.values():
                os.kill(process, signal.SIGKILL)
            sys.exit()
        for ended, (process, client) in [*running.items()]:
            if ended in ready:
                _, status = os.waitpid(process, 0)
                with suppress(ConnectionError):
                    client.sendall(b"%d\n" % status)
                del running[ended]
                os.close(ended)
                client.close()
            elif client in ready:
                os.kill(process, signal.SIGKILL)
        if listener in ready:
            client, _ = listener.accept()
            received = receive(client)
            if not received:
                client.close()
                continue
            command, environment, files = received
            process = os.fork()
            if not process:
                os.setpgrp()  # a test may kill its group
                os.fchdir(files[3])
                for number in range(3):
                    os.dup2(files[number], number)
                os.closerange(3, 2**16)  # among them those of other commands
                os.environ.clear()
                os.environ.update(environment)
                return command
            for file in files:
                os.close(file)
            running[os.pidfd_open(process)] = process, client
            with suppress(ConnectionError):
                client.sendall(b"%d\n" % process)


def receive(client: socket.socket) -> tuple[list[str], dict[str, str], list[int]] | None:
    """Receive a command with its environment and files; return None if the client ends, or stops, before that."""
    client.settimeout(10)
    files: list[int] = []
    try:
        _, files, _, _ = socket.recv_fds(client, 1, 4)
        command, environment = marshal.load(client.makefile("rb"))
    except (OSError, EOFError, ValueError):  # a time-out is an OSError
        for file in files:
            os.close(file)
        return None
    client.settimeout(None)
    return command, environment, files


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
    command = serve(socket.socket(fileno=int(sys.argv[1])))
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
