import os
from pathlib import Path
from typing import Any

import pytest

from tools.predict import find_pictures


def test_a_folder_stands_for_the_pictures_that_download_would_read(tmp_path: Path) -> None:
    for name in ("README.md", ".hidden", "2.png", "cat/1.png", "cat/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "cat/pipe.png")
    (tmp_path / "link").symlink_to(tmp_path / "cat")
    failures: list[tuple[str, object]] = []
    found = find_pictures(["-", str(tmp_path)], lambda *failure: failures.append(failure))
    assert list(found) == ["-", f"{tmp_path}/2.png", f"{tmp_path}/cat/1.png"]
    assert failures == [
        (f"{tmp_path}/link", "a link to a folder; only links to files are followed"),
        (f"{tmp_path}/cat/pipe.png", "not a regular file"),
    ]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(path: str) -> Any:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    scandir = os.scandir
    monkeypatch.setattr("os.scandir", scan)
    (tmp_path / "secret").mkdir()
    (tmp_path / "1.png").touch()
    failures: list[tuple[str, object]] = []
    assert list(find_pictures([str(tmp_path)], lambda *failure: failures.append(failure))) == [f"{tmp_path}/1.png"]
    assert failures == [(f"{tmp_path}/secret", "Permission denied")]
