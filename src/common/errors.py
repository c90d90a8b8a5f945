"""Errors that a user can cause, and the advice that several of them give."""

from pathlib import Path


class UserError(Exception):
    """An error that a user can cause; the message says where it is, what was expected and found, and what to do."""


class UsageError(UserError):
    """An argument that cannot be used; the exit code is 2, as for an unknown option."""


def recreate(stage: str) -> str:
    """Return the advice to run a stage whose output is damaged."""
    return f"run `dvc repro {stage}` to recreate it"


def damaged(path: Path, reason: object) -> UserError:
    """Make the error for an artifact that cannot be used; its folder has the name of the stage that writes it."""
    return UserError(f"{path} is damaged or not the expected file ({reason}); {recreate(path.parent.name)}")
