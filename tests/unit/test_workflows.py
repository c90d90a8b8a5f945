"""The workflows: every command that they run exists here, and they have no more permissions than they need."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helpers import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
OF_THE_RUNNER = {"cat", "gh", "head", "touch"}


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_command_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [line.split() for step in steps(path) for line in step.get("run", "").splitlines()]
    assert commands
    for command in commands:
        if command[0] == "make":
            assert command[1] in targets
        elif command[0] == "bash":
            assert (ROOT / command[1]).is_file()
        else:
            assert command[0] in OF_THE_RUNNER


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_permissions_are_minimal(path: Path) -> None:
    workflow = load(path)
    for step in steps(path):
        assert "uses" not in step or re.search(r"@[0-9a-f]{40}$", step["uses"])
    assert "pull_request_target" not in workflow["on"]
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] in (True, "${{ github.event_name == 'pull_request' }}")
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        if "write" in job.get("permissions", {}).values():  # then nothing of the pull request runs in it
            assert not any("checkout" in step.get("uses", "") for step in job["steps"])
            assert "head.repo.full_name == github.repository" in job["if"]
