from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from src.download.params import mirror_url
from tests.builders import make_download_params


@pytest.mark.parametrize("url", ["https://example.com/mnist", "http://example.com/mnist/", "file:///data//"])
def test_a_url_ends_in_one_slash(url: str) -> None:
    assert mirror_url(url) == url.rstrip("/") + "/"


def test_a_folder_becomes_a_file_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("my files", "~/my files", str(tmp_path / "my files")):
        assert mirror_url(folder) == f"{tmp_path.as_uri()}/my%20files/"


@pytest.mark.parametrize(
    ("mirror", "message"),
    [
        ("ftp://example.com/", "must be an https, http or file URL, or a folder"),
        ("~no-such-user/mnist", "home directory"),
    ],
)
def test_other_mirrors_are_rejected(mirror: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_download_params(mirrors=[mirror])


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "photos"},
        {"folder": ""},
        {"test_fraction": 0.0},
        {"test_fraction": 1.0},
        {"image_size": 7},
        {"image_size": 513},
        {"channels": 2},
        {"skip_unreadable": "no"},
    ],
)
def test_other_values_are_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        make_download_params(**changes)
