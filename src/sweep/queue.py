"""The experiments in DVC's queue that have no result."""

from collections import Counter

from dvc.repo import Repo


def count_unfinished() -> dict[str, int]:
    """Count those that are queued, running or have failed, as `dvc queue status` lists them."""
    with Repo() as repo:
        states = Counter(entry["status"] for entry in repo.experiments.celery_queue.status())
    return {state: states[state.capitalize()] for state in ("queued", "running", "failed")}
