"""Read files of Git revisions, of DVC experiments by name, and of the workspace."""

import functools
import subprocess
from pathlib import Path
from typing import NamedTuple

from src.common.errors import UsageError, UserError

WORKSPACE = "workspace"


class Experiment(NamedTuple):
    """A DVC experiment: its Git ref, its name, and the commit that it started from."""

    ref: str
    name: str
    baseline: str


def read_file(revision: str, path: str) -> bytes:
    """Read a file of a revision or the workspace; raise UserError if it is missing, UsageError if the revision is."""
    if revision == WORKSPACE:
        if Path(path).is_file():
            return Path(path).read_bytes()
    else:
        contents = run_git("show", f"{find_commit(revision)}:./{path}")
        if contents.returncode == 0:
            return contents.stdout
    raise UserError(f"{revision} has no {path}; run `dvc repro` there and commit the results")


def list_experiments() -> list[Experiment]:
    """List all experiments, newest first."""
    refs = run_git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps/").stdout.decode().split()
    # An experiment is at refs/exps/<first 2 digits of the baseline>/<other 38 digits>/<name>.
    parts = [ref.split("/") for ref in refs]
    return [Experiment("/".join(part), part[4], part[2] + part[3]) for part in parts if len(part) == 5]


@functools.cache
def find_commit(revision: str) -> str:
    """Find the commit of a revision or experiment; of several experiments with the same name, the one based on HEAD.

    Raise UsageError if there is none, or if the name is also that of another revision.
    """
    experiments = [experiment for experiment in list_experiments() if experiment.name == revision]
    if len(experiments) > 1:
        experiments = [experiment for experiment in experiments if experiment.baseline == find_commit("HEAD")]
        if not experiments:
            raise UsageError(f"{revision}: several experiments have this name; use a hash from `dvc exp list -A`")
    found = [commit for ref in (*(each.ref for each in experiments), revision) if (commit := _parse(ref))]
    if len({*found}) > 1:
        raise UsageError(
            f"{revision} names both an experiment and another Git revision; use {experiments[0].ref} for the"
            f" experiment, or {found[-1]} for the revision"
        )
    if found:
        return found[0]
    shallow = run_git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    advice = (
        "this clone is shallow: run `git fetch --unshallow`" if shallow else "see `git branch -a` and `dvc exp list`"
    )
    raise UsageError(f"{revision}: no such revision or experiment here; {advice}")


def _parse(ref: str) -> str:
    """Return the commit of a ref or revision, or an empty string."""
    parsed = run_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return "" if parsed.returncode else parsed.stdout.decode().strip()  # a range A..B fails, but prints both


def run_git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command of Git; raise UserError if there is no repository, or Git refuses it because of its owner."""
    result = subprocess.run(["git", *arguments], capture_output=True)
    if result.returncode:
        repository = subprocess.run(["git", "rev-parse"], capture_output=True, text=True)
        if repository.returncode:
            raise UserError(repository.stderr.strip())
    return result
