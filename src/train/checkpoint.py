"""Checkpoints: the state of an unfinished training run, saved after every epoch and verified when it is loaded."""

import hashlib
import io
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from src.common.artifacts import Environment
from src.common.files import write_bytes
from src.network.backbone import Backbone
from src.train.params import TrainSections
from src.train.processes import ALONE, Group

CODE = ("src.common", "src.network", "src.train", "stages")  # the packages that the weights depend on
CHECKPOINTS = ".checkpoints"  # outside data, because DVC removes a stage's outputs before it runs
MAX_RUNS = 4  # training runs kept in a checkpoint folder, abandoned ones included


def checkpoint_key(
    params: TrainSections, environment: Environment, inputs: Iterable[Path], backbone: Backbone | None = None
) -> str:
    """Hash all that can affect the trained weights: parameters, environment, input files, backbone and imported code.

    The size of the ensemble is left out: each network has its own checkpoint, so that an ensemble can be enlarged.
    """
    modules = [module for name, module in sys.modules.items() if name.startswith(CODE)]
    code = sorted(Path(module.__file__) for module in modules if module.__file__)
    digest = hashlib.sha256(f"{params.of_member(0)!r} {environment} {backbone}".encode())
    for path in [*inputs, *code]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


class Checkpoint:
    """The checkpoint of one network, in <folder>/<key>/<seed>.checkpoint. Loading it runs no code.

    Only process 0 of the group reads and writes it.
    """

    def __init__(self, folder: Path, key: str, seed: int = 0, group: Group = ALONE) -> None:
        self.group = group
        self.path = folder / key / f"{seed}.checkpoint"
        self.damaged_path = self.path.with_suffix(".damaged")
        self.header = f"checkpoint {key} {seed}\n".encode()

    def save(self, state: dict[str, Any]) -> None:
        """Replace the previous state and delete the oldest runs; if writing fails, keep the state and raise OSError."""
        if self.group.rank:
            return
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getvalue()
        write_bytes(self.path, self.header + hashlib.sha256(payload).digest() + payload)
        with suppress(FileNotFoundError):  # another process has just removed one
            runs = sorted(self.path.parent.parent.iterdir(), key=lambda path: path.stat().st_mtime)
            for run in runs[:-MAX_RUNS]:
                shutil.rmtree(run, ignore_errors=True)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Load the state, or return None if there is none; rename a file that is damaged or belongs to another run."""
        payload = self.group.broadcast(self._read() if self.group.rank == 0 else None)
        if payload is None:
            return None
        state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location=device, weights_only=True)
        return state

    def _read(self) -> bytes | None:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        payload = data[len(self.header) + 32 :]
        if data[: -len(payload)] != self.header + hashlib.sha256(payload).digest():
            self.path.replace(self.damaged_path)
            print(f"warning: {self.path} is damaged or from another version; renamed it to {self.damaged_path}")
            return None
        return payload

    def remove(self) -> None:
        """Delete the checkpoint, and a damaged one that was renamed."""
        for path in (self.path, self.damaged_path):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # other networks of the ensemble may still have theirs
            self.path.parent.rmdir()
