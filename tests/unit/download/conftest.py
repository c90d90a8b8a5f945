"""Fixtures for the tests of src/download."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest


class ThisProcess:
    """Does what a ProcessPoolExecutor does without starting processes, which takes a quarter of a second."""

    def __init__(self, **_: Any) -> None: ...

    def __enter__(self) -> "ThisProcess":
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any], **_: Any) -> Iterator[Any]:
        return map(function, *arguments)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode pictures in this process; a test that needs others takes the fixture `processes`, too."""
    monkeypatch.setattr("src.download.folder.ProcessPoolExecutor", ThisProcess)


@pytest.fixture
def processes(in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode pictures in several processes."""
    monkeypatch.setattr("src.download.folder.ProcessPoolExecutor", ProcessPoolExecutor)
