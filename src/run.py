"""A stage's main in, an exit code out: what a user can cause ends in one message, not a traceback."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

# How PyTorch's RuntimeErrors name it, on the CPU and on CUDA.
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def run(main: Callable[[], None]) -> None:
    """Call main; what a user can cause ends the process with exit code 1 and `<stage>: <message>`.

    That is ValueError, OSError, MemoryError, and a RuntimeError of PyTorch's for want of memory.
    """
    stage = Path(sys.argv[0]).stem
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"{stage}: {error}")
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        sys.exit(f"{stage}: out of memory: {error}")


def exit_when_interrupted() -> None:
    """From now on SIGINT, unless it is being ignored, and SIGTERM end the process with exit code 130 and one line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _exit)


def _exit(_number: int, _frame: FrameType | None) -> None:
    print("interrupted; `dvc repro` goes on from the last whole epoch or stage", file=sys.stderr)
    sys.exit(130)
