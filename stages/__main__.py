"""Run a stage, as DVC does: python -m stages NAME"""

import importlib
import importlib.util
import os
import pkgutil
import signal
import sys
from argparse import ArgumentParser

import stages
from src.common.cli import exit_on_interrupt, find_dvc, run_cli, signal_when_ended

names = sorted(module.name for module in pkgutil.iter_modules(stages.__path__) if module.name != "__main__")
parser = ArgumentParser("python -m stages", description="Run a stage of the pipeline.")
parser.add_argument("stage", choices=names)
stage = parser.parse_args().stage
if not importlib.util.find_spec("torch"):
    sys.exit(
        f"{sys.executable} has no PyTorch; activate the environment (source .venv/bin/activate) or run `make repro`"
    )
if "DVC_STAGE" in os.environ:
    dvc = find_dvc()
    if dvc:  # if only DVC is killed, the stage must not keep running beside the next `dvc repro`
        signal_when_ended(dvc, signal.SIGTERM)
agent = os.environ.get("TORCHELASTIC_RUN_ID")  # set by torchrun in every process that it starts
if agent is None:
    exit_on_interrupt(importing=True)  # importing a stage takes seconds
else:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the agent reports an interrupt
    # Unlike `launch` in src/train/processes.py, torchrun limits each process to one thread unless OMP_NUM_THREADS is
    # set. Here, train.threads sets the number, because it changes the results.
    if agent != "stages" and os.environ.get("OMP_NUM_THREADS") == "1":
        del os.environ["OMP_NUM_THREADS"]


def main() -> None:
    """Run the stage; if its inputs have not changed meanwhile, call the function that it returns, if any."""
    from src.common.inputs import check_inputs, read_inputs  # imports packages, which may be missing

    inputs = read_inputs(stage)
    run = importlib.import_module(f"stages.{stage}").main
    if agent is None:
        exit_on_interrupt()
    finish = run()
    if agent is None or os.environ["RANK"] == "0":  # of the processes that torchrun has started, one checks
        check_inputs(stage, inputs)
        if finish:
            finish()


run_cli(main, stage)
