from pathlib import Path

import pytest

from src.common.errors import UserError
from src.compare.revisions import open_repo


@pytest.mark.parametrize("value", ["2024", "2024-05-17", "true", "1.5", ""])
def test_paths_that_are_no_text_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"download:\n  folder: {value}\n")
    with pytest.raises(UserError, match=r"download.folder is .*, which is not text; put it in quotes"), open_repo():
        pass


def test_an_invalid_configuration_of_dvc_is_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("download:\n  folder: photos\n")
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("['remote \"storage\"']\n    user = me\n")
    with pytest.raises(UserError, match="expected 'url' for dictionary value"), open_repo():
        pass
