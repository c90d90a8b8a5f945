"""What DVC runs: one script per stage."""

import importlib.util
import os
import signal
import sys

from src.common.cli import exit_on_interrupt

if not importlib.util.find_spec("torch"):
    sys.exit(
        f"{sys.executable} has no PyTorch; activate the environment (source .venv/bin/activate) or run `make repro`"
    )
if "TORCHELASTIC_RUN_ID" in os.environ:  # one of several processes, whose launcher reports an interrupt
    signal.signal(signal.SIGINT, signal.SIG_DFL)
elif sys.argv[0] == "-m":  # while `python -m` is locating the module: a stage is run, not imported
    # Here rather than in run_cli, because importing PyTorch already takes seconds.
    exit_on_interrupt(quiet=False)
# Unlike the launcher of stages.train, torchrun limits each process to one thread where nobody has set a number. Here,
# train.threads sets it, because it changes the results.
if os.environ.get("TORCHELASTIC_RUN_ID", "stages.train") != "stages.train" and os.environ.get("OMP_NUM_THREADS") == "1":
    del os.environ["OMP_NUM_THREADS"]
# PyTorch's threads busy-wait for each other, by default for so long that training takes forty times as long while other
# programs use the cores. The variable is read when PyTorch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
