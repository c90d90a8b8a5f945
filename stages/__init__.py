"""What DVC runs: one script per stage."""

import importlib.util
import os
import sys

from src.common.cli import exit_on_interrupt

if not importlib.util.find_spec("torch"):
    sys.exit(
        f"{sys.executable} has no PyTorch; activate the environment (source .venv/bin/activate) or run `make repro`"
    )
if sys.argv[0] == "-m":  # while `python -m` is locating the module: a stage is run, not imported
    exit_on_interrupt()  # here rather than in run_cli, because importing PyTorch already takes seconds
# PyTorch's threads busy-wait for each other, by default for so long that training takes forty times as long while other
# programs use the cores. The variable is read when PyTorch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
