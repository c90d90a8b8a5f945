"""A stage's main in, an exit code out: what a user can cause ends in one message, not a traceback."""

import sys
from collections.abc import Callable
from pathlib import Path


def run(main: Callable[[], None]) -> None:
    """Call main; ValueError and OSError end the process with exit code 1 and `<stage>: <message>` on stderr."""
    stage = Path(sys.argv[0]).stem
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"{stage}: {error}")
