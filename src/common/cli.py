"""Run a stage or a tool as a command: errors a user can cause become one message and an exit code."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from src.common.errors import UsageError, UserError

INTERRUPTED = 130  # the exit code that shells give a command ended by Ctrl-C
# Parts of PyTorch's messages about a lack of memory, on the CPU and on CUDA, and the whole of oneDNN's message.
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
NO_PRIMITIVE = "could not create a primitive"


def run_cli(main: Callable[[], int | None], program: str | None = None) -> NoReturn:
    """Call main and exit with the code it returns, 0 for None.

    UserError, OSError, MemoryError and PyTorch's out-of-memory RuntimeError are reported as `<program>: <message>`,
    with exit code 1, or 2 for a UsageError. Anything else is a bug and keeps its traceback. If the reader of a pipe has
    closed it, as `| head` does, exit with code 1 and no message.
    """
    program = program or Path(sys.argv[0]).stem
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed, as by >&-
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115
    for stream in (sys.__stdout__, sys.__stderr__):  # DVC wraps sys.stdout in a class without reconfigure
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # for terminals that cannot show every character
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes stdout once more at exit
        sys.exit(1)
    except (UserError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        is_known = text == NO_PRIMITIVE or any(words in text for words in OUT_OF_MEMORY)
        if isinstance(error, RuntimeError) and not is_known:
            raise
        sys.exit(f"{program}: out of memory: {text}")
    sys.exit(code)


def signal_when_ended(pid: int, number: int) -> None:
    """Arrange for this process to get a signal within a second after another one ends or is killed."""
    import psutil  # imported here, so that a stage can report missing packages

    def wait() -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            # process.wait() would also wait until the parent of a killed process has reaped it.
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.5)
        os.kill(os.getpid(), number)

    threading.Thread(target=wait, daemon=True).start()


def find_dvc() -> int | None:
    """Return the ID of the DVC process that runs this stage, or None.

    There is a shell between the two, unless it has replaced itself with its only command, as Bash does.
    """
    import psutil

    with suppress(psutil.Error):
        for process in psutil.Process().parents():
            command = process.cmdline()
            if not command or "-m stages" not in command[-1]:
                return int(process.pid)
    return None


def exit_on_interrupt(*, quiet: bool = False, importing: bool = False) -> None:
    """Make SIGINT, SIGTERM and SIGHUP, unless ignored, end the process with code 130; unless quiet, print a line first.

    importing: end the process at once, because C code that imports a module, as PyTorch's does, can discard an
    exception.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        try:
            exit_interrupted(quiet=quiet)
        finally:
            if importing:
                os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def exit_interrupted(*, quiet: bool = False) -> NoReturn:
    """Exit with code 130, as after an interrupt; unless quiet, print one line first."""
    if not quiet:
        print("interrupted; the same command resumes from the last completed epoch or stage", file=sys.stderr)
    sys.exit(INTERRUPTED)
