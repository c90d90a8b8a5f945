"""The inputs of a stage, as dvc.yaml lists them, which must not change while the stage runs."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.common.errors import UserError
from src.common.files import is_ignored
from src.common.params import PARAMS, flatten, read_yaml
from src.common.text import abridge

PIPELINE = Path("dvc.yaml")


def read_inputs(stage: str) -> dict[str, Any]:
    """Return the parameters of a stage, and the size and modification time of each file that it depends on."""
    stages, params = read_yaml(PIPELINE)["stages"], flatten(read_yaml(PARAMS))
    entry = stages.get(stage, {"params": [], "deps": []})
    sections = tuple(f"{name}." for name in entry["params"])
    inputs: dict[str, Any] = {key: value for key, value in params.items() if f"{key}.".startswith(sections)}
    for dep in entry["deps"]:
        path = Path(re.sub(r"\$\{(.+?)\}", lambda match: str(params.get(match[1])), dep))
        stats = _read_stats(path) if path.is_dir() else [(str(path), path.stat())] if path.exists() else []
        inputs |= {file: (stat.st_size, stat.st_mtime_ns) for file, stat in stats}
    return inputs


def check_inputs(stage: str, before: dict[str, Any]) -> None:
    """Raise UserError if the inputs of a stage are not those that read_inputs returned before it ran.

    DVC reads the inputs after the stage has run, and would record the changed ones as those that the stage used.
    """
    after = read_inputs(stage)
    changed = sorted(key for key in before | after if before.get(key) != after.get(key))
    if changed:
        raise UserError(
            f"inputs changed while the stage ran: {', '.join(abridge(changed))};"
            " run `dvc repro` again, with or without the change"
        )


def _read_stats(folder: os.PathLike[str]) -> Iterator[tuple[str, os.stat_result]]:
    for entry in os.scandir(folder):
        if not is_ignored(entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _read_stats(entry)
            else:
                yield entry.path, entry.stat(follow_symlinks=False)
