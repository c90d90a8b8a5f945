"""What DVC runs: one script a stage."""

import importlib.util
import os
import sys

from src.run import exit_when_interrupted

if not importlib.util.find_spec("torch"):
    sys.exit(f"no PyTorch for {sys.executable}: activate the environment (source .venv/bin/activate), or `make repro`")
if sys.argv[0] == "-m":  # a stage is being run, not imported: so Python calls it until it has found the module
    exit_when_interrupted()  # here, since importing PyTorch takes seconds already
# PyTorch's threads wait for each other by spinning, by default for so long that training takes forty times as long
# while other programs hold the cores. Read when PyTorch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
