"""Repair DVC's lock files if DVC was killed while rewriting them, which leaves them empty or truncated.

A broken dvc.lock is replaced by Git's version and a broken .dvc/tmp/rwlock is removed; the next `dvc repro` restores
from the run cache what the broken dvc.lock had recorded since the last commit. The broken files are kept as *.broken.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from voluptuous import Invalid

from src.common.cli import run_cli
from src.common.errors import UserError
from src.common.files import write_bytes
from src.compare.git import run_git
from tools import make_parser

CONFLICT = "<<<<<<< "
LOCK, RWLOCK = Path("dvc.lock"), Path(".dvc/tmp/rwlock")


def main() -> None:
    make_parser("repair", __doc__).parse_args()
    for record in Path().glob("*.dvc"):
        if record.is_file() and CONFLICT in record.read_text(encoding="utf-8", errors="replace"):
            raise UserError(
                f"{record} has conflict markers; docs/sharing.md says how to keep the pictures of both sides"
            )
    broken = [path for path, parse in ((LOCK, parse_lock), (RWLOCK, json.loads)) if is_broken(path, parse)]
    if not broken:
        return
    saved = run_git("show", f"HEAD:./{LOCK}")
    from dvc.exceptions import DvcException  # slow to import
    from dvc.repo import Repo

    try:
        with Repo() as repo, repo.lock:
            for path in broken:
                path.replace(path.with_name(f"{path.name}.broken"))
                print(f"repair: {path} was truncated when DVC was killed; kept it as {path.name}.broken", flush=True)
    except DvcException as error:
        raise UserError(f"cannot repair {', '.join(map(str, broken))}: {error}") from None
    if LOCK in broken and saved.returncode == 0:
        write_bytes(LOCK, saved.stdout)


def is_broken(path: Path, parse: Callable[[str], Any]) -> bool:
    """Return whether a file exists and cannot be parsed; raise UserError if that is because of a merge."""
    try:
        text = path.read_text(encoding="utf-8")
        if CONFLICT in text:
            raise UserError(
                f"{path} has conflict markers; `git checkout --ours {path} data`, then `dvc repro`, resolves them"
            )
        parse(text)
    except FileNotFoundError:
        return False
    except (ValueError, YAMLError, Invalid):
        return True
    return False


def parse_lock(text: str) -> None:
    """Raise YAMLError or Invalid if a text is not a valid dvc.lock."""
    COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(text))


if __name__ == "__main__":
    run_cli(main)
