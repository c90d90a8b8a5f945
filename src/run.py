"""A stage's main in, an exit code out: what a user can cause ends in one message, not a traceback."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path


def run(main: Callable[[], None]) -> None:
    """Call main and turn what a user can cause into one message on stderr, `<stage>: <message>`.

    ValueError and OSError: exit code 1. SIGINT and SIGTERM: exit code 130.
    """
    stage = Path(sys.argv[0]).stem
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"{stage}: {error}")
    except KeyboardInterrupt:
        print(f"{stage}: interrupted; `dvc repro` goes on from the last whole epoch or stage", file=sys.stderr)
        sys.exit(130)
