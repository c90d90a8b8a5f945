import os
from pathlib import Path

import pytest

from src.download import npm
from src.download.npm import fetch_npm


def fake_npm(folder: Path, script: str) -> str:
    """Write an npm that runs this shell script; returns the PATH that finds it."""
    command = folder / "npm"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_the_files_of_a_folder_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "mkdir -p package/data package/other; printf one > package/data/a; printf two > package/other/b\n"
    monkeypatch.setenv("PATH", fake_npm(tmp_path, script + "tar czf p.tgz package && rm -r package"))
    assert fetch_npm("p@1", "data") == {"a": b"one"}


def test_a_failing_npm_is_an_error_with_its_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", fake_npm(tmp_path, "echo npm error 404 no such package >&2; exit 1"))
    with pytest.raises(OSError, match="404 no such package"):
        fetch_npm("p@1", "data")


@pytest.mark.parametrize(
    "script",
    [
        "echo no archive > p.tgz",
        "seq 9999 > package; tar czf whole package; head -c 9999 whole > p.tgz; rm whole package",
    ],
)
def test_a_damaged_archive_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setenv("PATH", fake_npm(tmp_path, script))
    with pytest.raises(OSError, match="archive is damaged"):
        fetch_npm("p@1", ".")


def test_an_npm_that_hangs_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm, "NPM_TIMEOUT", 0.3)
    monkeypatch.setenv("PATH", fake_npm(tmp_path, "exec sleep 30"))
    with pytest.raises(TimeoutError, match=r"no response within 0.3 s"):
        fetch_npm("p@1", "data")


def test_a_missing_npm_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="npm is not installed"):
        fetch_npm("p@1", "data")
