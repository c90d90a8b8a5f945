"""Push all results in this clone's run cache, with their outputs, and all that DVC tracks, to the default remote.

`dvc push --run-cache` pushes the records of all runs, but only those of their outputs that are in the workspace, and
never those that are in Git, such as the metrics. A colleague's `dvc repro --pull` can restore a run only with all of
its outputs. Runs whose outputs were deleted everywhere are only counted. Exit code: 1 if something cannot be pushed, 2
for usage errors, otherwise 0.
"""

from collections.abc import Iterable
from typing import Any

from dvc.repo import Repo

from src.common.cli import run_cli
from src.common.errors import UserError
from src.common.text import count
from src.compare.revisions import check_paths
from tools import make_parser


def main() -> None:
    make_parser("share", __doc__).parse_args()
    try:
        check_paths()
        with Repo() as repo:
            tracked = repo.push()  # pictures and backbones, too
            with repo.lock:
                remote = repo.cloud.get_remote_odb(None, "push", hash_name="md5-dos2unix")
                runs = repo.stage_cache.push(None, remote)
                outputs = outputs_of(repo, runs)
                pushed, lost = repo.cloud.push(outputs), repo.cloud.status(outputs).missing
                complete = [run for run in runs if lost.isdisjoint(outputs_of(repo, [run]))]
                # DVC does not say which records could not be pushed.
                records = {remote.fs.name(path) for path in remote.fs.find(remote.fs.join(remote.path, "runs"))}
    except Exception as error:
        # Every kind of remote has a library with its own errors. Built-in exceptions other than OSError point to a bug
        # here, or to a change in DVC's API.
        if type(error).__module__ == "builtins" and not isinstance(error, OSError):
            raise
        raise UserError(str(error)) from None
    failed = len(pushed.failed) + sum(record not in records for _, record in runs)
    if failed:
        raise UserError(f"{count('file', failed)} could not be pushed; the lines above say why")
    where = "all on the remote"
    if len(complete) < len(runs):
        where = f"{len(complete)} of them on the remote; outputs of the others were deleted, for example by `dvc gc`"
    files = tracked + len(pushed.transferred)
    print(f"share: pushed {count('file', files)}; this clone has {count('run', len(runs))}, {where}")


def outputs_of(repo: Repo, runs: Iterable[tuple[str, str]]) -> set[Any]:
    """Return the hashes of the outputs that runs, given as pairs of a key and a record, have in DVC's cache."""
    return set().union(*repo.stage_cache.get_used_objs(runs).values())


if __name__ == "__main__":
    run_cli(main)
