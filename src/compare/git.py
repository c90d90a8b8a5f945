"""Read files of Git revisions, of DVC experiments by name, and of the workspace."""

import functools
import subprocess
from pathlib import Path

from src.common.errors import UsageError, UserError

WORKSPACE = "workspace"
PREFIX = "refs/exps/"  # DVC keeps an experiment at refs/exps/<first 2 digits>/<other 38 digits>/<name>


def read_file(revision: str, path: str) -> bytes:
    """Read a file of a revision or the workspace; raise UserError if it is missing, UsageError if the revision is."""
    if revision == WORKSPACE:
        if Path(path).is_file():
            return Path(path).read_bytes()
    else:
        contents = _git("show", f"{find_commit(revision)}:{path}")
        if contents.returncode == 0:
            return contents.stdout
    raise UserError(f"{revision} has no {path}; run `dvc repro` there and commit the results")


def list_experiments() -> list[str]:
    """List the refs of all experiments, newest first."""
    refs = _git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", PREFIX).stdout.decode().split()
    return [ref for ref in refs if len(ref.split("/")) == 5]


def experiment_baseline(ref: str) -> str:
    """Return the commit that an experiment started from."""
    return "".join(ref.split("/")[2:4])


@functools.cache
def find_commit(revision: str) -> str:
    """Find the commit of a revision or experiment; of several experiments with one name, the one based on HEAD."""
    refs = [ref for ref in list_experiments() if ref.split("/")[4] == revision]
    if len(refs) > 1:
        refs = [ref for ref in refs if experiment_baseline(ref) == find_commit("HEAD")]
        if not refs:
            raise UsageError(f"{revision}: several experiments have this name; use a hash from `dvc exp list -A`")
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{(refs or [revision])[0]}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.decode().strip()
    shallow = _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    advice = (
        "this clone is shallow, run `git fetch --unshallow`" if shallow else "see `git branch -a` and `dvc exp list`"
    )
    raise UsageError(f"{revision}: no such revision or experiment here; {advice}")


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True)
