"""Training in several processes, which torchrun's agent starts and watches, on one machine or on several.

Results do not depend on the number of processes, because these only gather tensors and never reduce them: every process
then does the same sums, in the same order.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from src.common.cli import exit_interrupted, signal_when_ended
from src.common.errors import UserError
from src.network.device import choose_device
from src.train.params import TrainParams

T = TypeVar("T")

TIMEOUT = 600  # seconds that a process waits for the others; TRAIN_TIMEOUT overrides it
BARRIER_TIMEOUT = timedelta(days=365)  # the networks of an ensemble can take very different times
GRACE = 3.0  # seconds in which an agent that has lost a process ends the others
RESUME = "the same command resumes from the last completed epoch"


def choose_process_count(params: TrainParams) -> int:
    """Return how many processes to use: TRAIN_PROCESSES, or one per GPU that can be used, or one on a CPU.

    Raise UserError if TRAIN_PROCESSES is not a number that can be used.
    """
    device = choose_device(params.device, "train.device")
    if requested := _read_number("TRAIN_PROCESSES", 1024):
        check_process_count(requested, params)
        return requested
    usable = torch.cuda.device_count() if device.type == "cuda" else 1
    if params.members > 1:
        return min(usable, params.members)
    return max(count for count in range(1, usable + 1) if params.shards % count == 0)


def check_process_count(count: int, params: TrainParams) -> None:
    """Raise UserError if this many processes cannot evenly share the shards of a single network's batches."""
    if params.members == 1 and params.shards % count:
        raise UserError(
            f"{count} processes cannot share train.shards = {params.shards} evenly; use a number of processes that"
            " divides it, or change train.shards, which changes the results"
        )


def launch(count: int, module: str, *arguments: str) -> None:
    """Run `python -m module arguments` in this many processes, and wait for them all.

    If one fails, it reports why; the others are terminated, and this process exits with code 1. Raise UserError if one
    is killed.
    """
    # Only needed here, and takes a tenth of a second to import.
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _read_timeout()  # an invalid one is reported here, once
    # The agent and its processes would also log what is reported below.
    logging.disable()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    # gloo would otherwise announce the address that the host name resolves to, which may not be reachable.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    with TemporaryDirectory() as logs:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=module,
            rdzv_backend="c10d",
            rdzv_endpoint="127.0.0.1:0",  # a free port
            local_addr="127.0.0.1",
            max_restarts=0,  # a restart would only repeat a user's error
            logs_specs=DefaultLogsSpecs(log_dir=logs),
            signals_to_handle="SIGINT,SIGTERM",  # not SIGHUP, which nohup makes processes ignore
            shutdown_timeout=5,
        )
        try:
            elastic_launch(config, sys.executable)("-m", module, *arguments)
        except SignalException:
            exit_interrupted()
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if failure.exitcode > 0:
                sys.exit(1)
            raise UserError(f"process {rank} was killed by {failure.signal_name()}; {RESUME}") from None


class Group:
    """The processes that train one network, or this process alone, which then exchanges nothing.

    All processes take part in every exchange, which raises UserError if one of them is missing.
    """

    def __init__(self, rank: int = 0, size: int = 1, timeout: float = TIMEOUT) -> None:
        self.rank = rank
        self.size = size
        self._timeout = timedelta(seconds=timeout)
        # In addition to PyTorch's default group, which uses gloo with a time limit:
        self._patient: dist.ProcessGroup | None = None
        self._gpus: dist.ProcessGroup | None = None

    def connect(self, device: torch.device) -> None:
        """Prepare for the barrier and for gathering tensors on a device; on CUDA, choose the GPU of this process."""
        if self.size == 1:
            return
        self._patient = dist.new_group(backend="gloo", timeout=BARRIER_TIMEOUT)
        if device.type == "cpu":
            return
        gpu, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if gpu >= count:
            raise UserError(f"process {self.rank} needs a GPU of its own, but this machine has only {count}")
        torch.cuda.set_device(gpu)
        self._gpus = dist.new_group(backend="nccl", timeout=self._timeout)

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's share of items: consecutive ones, so that gathering the shares restores the order."""
        start, stop = (len(items) * rank // self.size for rank in (self.rank, self.rank + 1))
        return items[start:stop]

    def gather(self, rows: Tensor) -> Tensor:
        """Concatenate the rows (M, P) of the N processes, where M is the same in all, into (N * M, P)."""
        if self.size == 1:
            return rows
        gathered = [torch.empty_like(rows) for _ in range(self.size)]
        with self._exchange():
            dist.all_gather(gathered, rows, self._gpus)
        return torch.cat(gathered)

    def gather_objects(self, value: T) -> list[T]:
        """Return the values of all processes, in order."""
        values: list[Any] = [value] * self.size
        if self.size > 1:
            with self._exchange():
                dist.all_gather_object(values, value)
        return values

    def broadcast(self, value: T) -> T:
        """Return the value of process 0."""
        values = [value]
        if self.size > 1:
            with self._exchange():
                dist.broadcast_object_list(values)
        return values[0]

    def check_same(self, description: dict[str, Any]) -> None:
        """Raise UserError if anything that the results depend on differs between processes."""
        first, *others = self.gather_objects(description)
        for rank, other in enumerate(others, start=1):
            for name in (name for name in first if other[name] != first[name]):
                raise UserError(
                    f"{name}: {first[name]} in process 0, but {other[name]} in process {rank}; all processes must"
                    " agree on this"
                )

    def barrier(self) -> None:
        """Wait until all processes reach this call, however long they take; raise UserError if one of them ends."""
        if self.size > 1:
            with self._exchange(self._patient, BARRIER_TIMEOUT):
                pass

    @contextmanager
    def _exchange(self, group: dist.ProcessGroup | None = None, timeout: timedelta | None = None) -> Iterator[None]:
        """Wait for all processes before an exchange; raise UserError if one is missing then, or ends during it."""
        try:
            # Unlike the exchange itself, this names the processes that are missing, but only to process 0.
            dist.monitored_barrier(group, timeout or self._timeout, wait_all_ranks=True)
            yield
        except RuntimeError as error:
            # If a process has ended, its agent reports that and ends this one. Otherwise, process 0 reports first,
            # because it alone knows which ones are missing.
            time.sleep(GRACE if self.rank == 0 else 2 * GRACE)
            raise UserError(
                "another process has ended, or is suspended, hung or unreachable (TRAIN_TIMEOUT:"
                f" {self._timeout.total_seconds():g} seconds); {RESUME}; PyTorch: {str(error).splitlines()[0]}"
            ) from None


ALONE = Group()


@contextmanager
def join_group() -> Iterator[Group]:
    """Join the other processes that torchrun has started; only process 0 prints, and only one reports an error."""
    timeout = _read_timeout()
    # If the launcher is killed, this process must not go on training beside one that has resumed.
    signal_when_ended(os.getppid(), signal.SIGKILL)
    try:
        store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=timeout)))
        # Longer than the limit of the barrier before an exchange, in which process 0 has to be the first to give up.
        limit = timedelta(seconds=2 * timeout)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=limit)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot reach the other processes (TRAIN_TIMEOUT: {timeout} seconds): {reason}") from None
    try:
        with Path(os.devnull).open("w") as nowhere:
            out, err = (nowhere, nowhere) if rank else (sys.stdout, sys.stderr)
            with redirect_stdout(out), redirect_stderr(err):
                yield Group(rank, size, timeout)
        dist.destroy_process_group()
    except Exception:
        with suppress(RuntimeError):  # the store is gone if process 0, which hosts it, has ended
            if store.add("errors", 1) > 1:
                sys.exit(1)
        raise


def _read_timeout() -> int:
    return _read_number("TRAIN_TIMEOUT", 10**6) or TIMEOUT


def _read_number(variable: str, largest: int) -> int | None:
    """Return the number in an environment variable, None if it is unset; raise UserError unless it is 1 to largest."""
    text = os.environ.get(variable)
    if text is not None and not (text.isdecimal() and 1 <= int(text) <= largest):
        raise UserError(f"{variable} = {text!r}: must be a whole number from 1 to {largest:,}")
    return None if text is None else int(text)
