"""Command-line tools for people and continuous integration: python -m tools.<name>."""

import sys
from types import TracebackType


def _report_exception(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an exception that nothing has caught, unless it is an interrupt, for which the exit code is enough."""
    if kind is not KeyboardInterrupt:
        sys.__excepthook__(kind, error, traceback)


# Here, because it must also hold while a tool imports its modules, which takes most of the time of some.
sys.excepthook = _report_exception
