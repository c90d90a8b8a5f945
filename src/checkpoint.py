"""The state of an unfinished training in, a file out, and back: whole, unchanged and of the same training, or not."""

import hashlib
import io
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from src.files import write_bytes

FORMAT = "checkpoint 2"
KEPT = 4  # trainings in a folder of checkpoints, abandoned ones included


def checkpoint_key(settings: str, inputs: Iterable[Path]) -> str:
    """A name for a training: whatever could change one bit of its result gives another one.

    settings: parameters and environment; inputs: data files. The code is what has been imported from src and stages.
    """
    modules = [module for name, module in sys.modules.items() if name.startswith(("src.", "stages"))]
    code = sorted(Path(module.__file__) for module in modules if module.__file__)
    digest = hashlib.sha256(settings.encode())
    for path in [*inputs, *code]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


class Checkpoint:
    """The file of one member of a training: <folder>/<key>/<member>.checkpoint. Loading it runs no code from it."""

    def __init__(self, folder: Path, key: str, member: int = 0) -> None:
        self.path = folder / key / f"{member}.checkpoint"
        self.aside = self.path.with_suffix(".damaged")
        self.header = f"{FORMAT} {key} {member}\n".encode()

    def save(self, state: dict[str, Any]) -> None:
        """Write the state, or leave the earlier one and raise OSError; then remove the oldest trainings."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getvalue()
        write_bytes(self.path, self.header + hashlib.sha256(payload).digest() + payload)
        trainings = self.path.parent.parent.iterdir()
        for training in sorted(trainings, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(training, ignore_errors=True)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The state, or None when there is none; a file that is not whole or not this training's is set aside."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        payload = data[len(self.header) + 32 :]
        if data[: -len(payload)] != self.header + hashlib.sha256(payload).digest():
            self.path.replace(self.aside)
            print(f"warning: {self.path} is damaged or of another version: set aside as {self.aside}, starting afresh")
            return None
        state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location=device, weights_only=True)
        return state

    def remove(self) -> None:
        """Forget a member that has ended, what was set aside of it too."""
        for path in (self.path, self.aside):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # the other members' may be needed yet
            self.path.parent.rmdir()
