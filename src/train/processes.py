"""The processes that train together, each started by torchrun's agent, on one machine or several.

Results do not depend on how many there are, because they only gather tensors and never reduce them: every process then
does the same sums, in the same order.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar
from uuid import uuid4

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from src.common.errors import UserError

T = TypeVar("T")

TIMEOUT = 600.0  # seconds that a process waits for the others in one exchange; TRAIN_TIMEOUT overrides it
BEAT = 1.0  # seconds between the signs of life of a process
POLL = 0.05  # seconds
LOST = 75  # exit code of a process that has lost another one; the reason is reported where it is known
# How PyTorch words that the other end of a connection is gone, and that it has waited for too long.
CONNECTION_LOST = ("connection", "broken pipe", "remote process", "recvvalue failed", "sendbytes failed")
TIMED_OUT = ("timed out", "timeout")


class Group:
    """The processes that train one network, or this process alone, which then exchanges nothing.

    All processes take part in every exchange. It raises TimeoutError if it takes longer than the time limit, and ends
    the process with exit code LOST if another one has ended.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Store | None = None, timeout: float = TIMEOUT) -> None:
        self.rank = rank
        self.size = size
        self._store = store
        self._timeout = timeout
        self._barriers = 0

    def connect(self, device: torch.device) -> None:
        """Prepare to exchange tensors on a device; on CUDA, choose the GPU of this process."""
        if self.size == 1:
            return
        if device.type == "cuda":
            gpu, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
            if gpu >= count:
                raise UserError(f"process {self.rank} needs a GPU of its own, but this machine has only {count}")
            torch.cuda.set_device(gpu)
        with self._bounded():
            dist.init_process_group(
                "nccl" if device.type == "cuda" else "gloo",
                store=self._store,
                rank=self.rank,
                world_size=self.size,
                timeout=timedelta(seconds=self._timeout),
            )

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's share of items: consecutive ones, so that gathering the shares restores the order."""
        start, stop = (len(items) * rank // self.size for rank in (self.rank, self.rank + 1))
        return items[start:stop]

    def gather(self, rows: Tensor) -> Tensor:
        """Concatenate the rows (M, P) of all processes, as many from each, to (N * M, P)."""
        if self.size == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.size)]
        with self._bounded():
            dist.all_gather(parts, rows)
        return torch.cat(parts)

    def gather_objects(self, value: T) -> list[T]:
        """Return the values of all processes, in order."""
        values: list[Any] = [value]
        if self.size > 1:
            values *= self.size
            with self._bounded():
                dist.all_gather_object(values, value)
        return values

    def broadcast(self, value: T) -> T:
        """Return the value of process 0."""
        values = [value]
        if self.size > 1:
            with self._bounded():
                dist.broadcast_object_list(values)
        return values[0]

    def check_same(self, description: dict[str, Any]) -> None:
        """Raise UserError if what results depend on is not the same in all processes."""
        first, *others = self.gather_objects(description)
        for rank, other in enumerate(others, start=1):
            for name in (name for name in first if other[name] != first[name]):
                raise UserError(
                    f"{name}: {first[name]} in process 0, but {other[name]} in process {rank}; the result would depend"
                    " on which one computes what"
                )

    def barrier(self) -> None:
        """Wait until all processes are here, however long they take; raise TimeoutError if one shows no sign of life.

        In collectives, by contrast, a process that works for long would exceed the time limit.
        """
        if self._store is None:
            return
        self._barriers += 1
        names = [f"barrier {self._barriers} {rank}" for rank in range(self.size)]
        with self._bounded():
            self._store.set(names[self.rank], "")
            while not self._store.check(names):
                beats, end = self._beats(), time.monotonic() + self._timeout
                while time.monotonic() < end and not self._store.check(names):
                    time.sleep(POLL)
                if time.monotonic() >= end and (silent := self._silent(beats)):
                    raise TimeoutError(self._describe(silent))

    def _beats(self) -> list[bytes]:
        assert self._store is not None
        beats: list[bytes] = self._store.multi_get([f"beat {rank}" for rank in range(self.size)])
        return beats

    def _silent(self, beats: list[bytes]) -> list[int]:
        """Return which processes have not changed their beats."""
        return [rank for rank, (old, new) in enumerate(zip(beats, self._beats(), strict=True)) if old == new]

    def _describe(self, silent: list[int]) -> str:
        who = f"process {', '.join(map(str, silent))}" if silent else "a process"
        return (
            f"{who} of {self.size} has not answered for {self._timeout:g} seconds (TRAIN_TIMEOUT): it is stopped, stuck"
            " or cut off; the same command resumes from the last completed epoch"
        )

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Turn the errors of an exchange into TimeoutError or the exit code LOST."""
        try:
            yield
        except RuntimeError as error:
            message = str(error).lower()
            if any(words in message for words in TIMED_OUT):
                beats = self._beats()
                time.sleep(3 * BEAT)
                raise TimeoutError(self._describe(self._silent(beats))) from None
            if any(words in message for words in CONNECTION_LOST):
                sys.exit(LOST)
            raise


ALONE = Group()


def is_worker() -> bool:
    """Return whether torchrun's agent has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def join_group() -> Iterator[Group]:
    """Join the other processes that torchrun has started; only process 0 prints, and only one reports an error.

    Wait at the end until all are done, so that no machine leaves while another may have to start again.
    """
    timeout = read_timeout()
    parent = os.getppid()
    limit = timedelta(seconds=timeout)
    try:
        # Two connections: one cannot be used while another thread waits on it.
        (store, rank, size), (beats, _, _) = (next(rendezvous("env://", timeout=limit)) for _ in range(2))
        name = _agree_on_name(store, rank, size, timeout)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise TimeoutError(f"cannot reach the other processes (TRAIN_TIMEOUT: {timeout:g} seconds): {reason}") from None
    errors, nowhere = sys.stderr, Path(os.devnull).open("w")  # noqa: SIM115  # used until the process ends
    if rank:
        sys.stdout = sys.stderr = nowhere
    store, beats = PrefixStore(name, store), PrefixStore(name, beats)
    done = Event()
    thread = Thread(target=_show_life, args=(beats, rank, parent, done), daemon=True)
    thread.start()
    try:
        group = Group(rank, size, store, timeout)
        yield group
        group.barrier()
        if dist.is_initialized():
            dist.destroy_process_group()
    except Exception:
        sys.stderr = errors if store.add("errors", 1) == 1 else nowhere
        raise
    finally:
        done.set()
        thread.join()  # a thread in the middle of an exchange would abort the process at its end


def read_timeout() -> float:
    """Return the time limit in seconds; raise UserError if TRAIN_TIMEOUT is not a positive number."""
    text = os.environ.get("TRAIN_TIMEOUT", f"{TIMEOUT}")
    try:
        timeout = float(text)
    except ValueError:
        timeout = 0.0
    if not 0 < timeout < 10**6:
        raise UserError(f"TRAIN_TIMEOUT = {text!r}: must be a positive number of seconds")
    return timeout


def _agree_on_name(store: Store, rank: int, size: int, timeout: float) -> str:
    """Agree on a prefix for all keys, because the store may hold what a group left that was killed and restarted.

    Every process puts up a random word. Process 0 answers with a name and the words that it has read, until all have
    found their own among them.
    """
    word, name, end = uuid4().hex, uuid4().hex, time.monotonic() + timeout
    words, names = ([f"{kind} {other}" for other in range(size)] for kind in ("word", "name"))
    store.set(words[rank], word)
    store.set(names[rank], name if rank == 0 else "")
    while time.monotonic() < end:
        if rank == 0:
            store.set("answer", " ".join([name, *(text.decode() for text in store.multi_get(words))]))
            if all(text.decode() == name for text in store.multi_get(names)):
                return name
        else:
            name, *known = store.get("answer").decode().split()
            if word in known:
                store.set(names[rank], name)
                return name
        time.sleep(POLL)
    raise RuntimeError(f"not all {size} have started")


def _show_life(store: Store, rank: int, parent: int, done: Event) -> None:
    """Count in the store until done; end the process with its agent, which may have been killed, or with the store."""
    beat = 0
    while True:
        beat += 1
        try:
            store.set(f"beat {rank}", str(beat))
        except RuntimeError:
            os._exit(LOST)
        if done.wait(BEAT):
            return
        if os.getppid() != parent:
            os._exit(LOST)
