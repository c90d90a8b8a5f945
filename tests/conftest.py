"""Fixtures that several modules share."""

import fcntl
import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from src.common.cli import run_cli
from tests.helpers import SMALL, STAGES, commit, make_project, run, set_params, stages_run
from tests.training_process import STAGE, read_outputs

if TYPE_CHECKING:
    from playwright.sync_api import Browser


gc.disable()  # until the modules are imported, which frees nothing: a tenth of the unit tests' time


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with a module that does not need the project which the other worker builds first."""
    items.sort(key=lambda item: item.path.name != "test_mnist.py")


def build_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """Return a folder that one of the workers builds, while those that need it meanwhile wait."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with TemporaryDirectory(dir=shared) as unfinished:
                build(Path(unfinished, name))
                Path(unfinished, name).rename(folder)
    return folder


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A digits project after its first `dvc repro`, committed. Tests must not change it."""

    def build(project: Path) -> None:
        make_project(project, SMALL)
        assert stages_run(run("dvc", "repro", cwd=project)) == STAGES
        commit(project)

    return build_once(tmp_path_factory, "reproduced", build)


@pytest.fixture
def project(reproduced: Path, tmp_path: Path) -> Path:
    """A copy of the reproduced project."""
    return shutil.copytree(reproduced, tmp_path / "project", symlinks=True)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A digits project with the data downloaded and split, and nothing trained. Tests must not change it."""

    def build(project: Path) -> None:
        make_project(project, SMALL)
        shutil.rmtree(project / "data")
        set_params(project, {"train": {"epochs": 3, "batch_size": 128}})  # 9 steps per epoch
        run("dvc", "repro", "split", cwd=project)

    return build_once(tmp_path_factory, "prepared", build)


@pytest.fixture
def prepared_project(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared project."""
    return shutil.copytree(prepared, tmp_path / "project")


@pytest.fixture(scope="session")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The outputs of an undisturbed training run of the prepared project, in a new process."""

    def build(project: Path) -> None:
        shutil.copytree(prepared, project)
        run(*STAGE, cwd=project)

    return read_outputs(build_once(tmp_path_factory, "undisturbed", build))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Return a function that calls a tool's main function, with arguments, in this process.

    It returns the exit code, and the output and errors.
    """

    def call(main: Callable[[], int | None], *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [f"{main.__module__.removeprefix('tools.')}.py", *arguments])
        with pytest.raises(SystemExit) as end:
            run_cli(main)
        output = capfd.readouterr()
        code = end.value.code or 0
        return (code, output.out + output.err) if isinstance(code, int) else (1, output.out + output.err + code)

    return call


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """The system's Chromium, headless."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is missing; install the system's package chromium")
    from playwright.sync_api import sync_playwright  # which machines with a GPU need not have

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
