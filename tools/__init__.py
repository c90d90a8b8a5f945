"""Command-line tools for people and continuous integration: python -m tools.<name>."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from types import TracebackType


def make_parser(tool: str, description: str | None) -> ArgumentParser:
    """Return a parser for the arguments of `python -m tools.<tool>`; the help keeps the description's line breaks."""
    prog = f"python -m tools.{tool}"
    return ArgumentParser(prog=prog, description=description, formatter_class=RawDescriptionHelpFormatter)


def _report_exception(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an exception that nothing has caught, unless it is an interrupt, for which the exit code is enough."""
    if kind is not KeyboardInterrupt:
        sys.__excepthook__(kind, error, traceback)


# Set here so that it also applies while a tool imports its modules, which takes some tools most of their time.
sys.excepthook = _report_exception
