"""Fixtures that several modules share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.helpers import SMALL, STAGES, commit, make_project, run, set_params, stages_run
from tests.training_process import STAGE, read_outputs


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A digits project after its first `dvc repro`, committed. Tests must not change it."""
    project = make_project(tmp_path_factory.mktemp("reproduced"), SMALL)
    assert stages_run(run("dvc", "repro", cwd=project)) == STAGES
    commit(project)
    return project


@pytest.fixture
def project(reproduced: Path, tmp_path: Path) -> Path:
    """A copy of the reproduced project."""
    return shutil.copytree(reproduced, tmp_path / "project", symlinks=True)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A digits project with the data downloaded and split, and nothing trained. Tests must not change it."""
    project = make_project(tmp_path_factory.mktemp("prepared"), SMALL)
    shutil.rmtree(project / "data")
    set_params(project, {"train": {"epochs": 3, "batch_size": 128}})  # 9 steps per epoch
    run("dvc", "repro", "split", cwd=project)
    return project


@pytest.fixture
def prepared_project(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared project."""
    return shutil.copytree(prepared, tmp_path / "project")


@pytest.fixture(scope="session")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The outputs of an undisturbed training run of the prepared project."""
    project = shutil.copytree(prepared, tmp_path_factory.mktemp("undisturbed") / "project")
    run(*STAGE, cwd=project)
    return read_outputs(project)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is missing; install the system's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
