"""Start several processes on this machine, through torchrun's launcher."""

import logging
import os
import signal
import sys
from tempfile import TemporaryDirectory

import torch

from src.common.cli import exit_interrupted
from src.common.errors import UserError
from src.network.device import choose_device
from src.train.params import TrainParams
from src.train.processes import LOST, read_timeout

VARIABLE = "TRAIN_PROCESSES"
RESTARTS = 3  # at most, after processes that were killed


def choose_process_count(params: TrainParams) -> int:
    """Return how many processes to use: TRAIN_PROCESSES, or one per GPU that can be used, or one on a CPU.

    Raise UserError if TRAIN_PROCESSES is not a number that can be used.
    """
    device = choose_device(params.device, "train.device")
    text = os.environ.get(VARIABLE)
    if text is None:
        usable = torch.cuda.device_count() if device.type == "cuda" else 1
        if params.members > 1:
            return min(usable, params.members)
        return max(count for count in range(1, usable + 1) if params.shards % count == 0)
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UserError(f"{VARIABLE} = {text!r}: must be a number of processes, 1 to 1024")
    check_process_count(int(text), params)
    return int(text)


def check_process_count(count: int, params: TrainParams) -> None:
    """Raise UserError if the parts of a batch cannot be dealt evenly to this many processes."""
    if params.members == 1 and params.shards % count:
        raise UserError(
            f"{count} processes cannot share train.shards = {params.shards} evenly; use a number of processes that"
            " divides it, or change train.shards, which changes the results"
        )


def launch(count: int, module: str) -> None:
    """Run `python -m module` in a group of processes until all have succeeded.

    If processes are killed, start the group again, at most three times. End this process with exit code 1 if one has
    failed otherwise, which has then reported why; raise UserError if processes are killed too often.
    """
    # Only needed here, and takes a tenth of a second to import.
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # what it reports is reported here
    # gloo would otherwise announce the address that the host name resolves to, which may not be reachable.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    read_timeout()  # a wrong one is reported here, once
    for restarts_left in reversed(range(RESTARTS + 1)):
        with TemporaryDirectory() as logs:
            config = LaunchConfig(
                min_nodes=1,
                max_nodes=1,
                nproc_per_node=count,
                run_id=module,
                rdzv_backend="c10d",
                rdzv_endpoint="127.0.0.1:0",  # a free port
                local_addr="127.0.0.1",
                # The agent would also restart a group of which a process has reported, say, a wrong parameter.
                max_restarts=0,
                monitor_interval=0.1,
                logs_specs=DefaultLogsSpecs(log_dir=logs),
                shutdown_timeout=5,
            )
            try:
                elastic_launch(config, sys.executable)("-m", module)
                return
            except SignalException:
                exit_interrupted()
            except ChildFailedError as error:
                codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        if any(code > 0 and code not in (LOST, 130) for code in codes.values()):
            sys.exit(1)
        # With SIGTERM, the agent ends those that are left.
        killed = {rank: -code for rank, code in codes.items() if code < 0 and code != -signal.SIGTERM}
        reasons = [f"process {rank} was ended by {signal.Signals(number).name}" for rank, number in killed.items()]
        reason = ", ".join(sorted(reasons)) or "the processes lost each other"
        if restarts_left:
            print(f"train: {reason}; starting all {count} again", flush=True)
    raise UserError(f"{reason}, for the {RESTARTS + 1}th time; the same command resumes from the last completed epoch")
