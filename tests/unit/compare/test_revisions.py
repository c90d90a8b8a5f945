from pathlib import Path

import pytest

from src.common.errors import UserError
from src.compare.revisions import check_paths, open_repo

NOT_TEXT = "which is not text; put it in quotes"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2024", f"is 2024, {NOT_TEXT}"),
        ("2024-05-17", f"is 2024-05-17, {NOT_TEXT}"),
        ("true", f"is True, {NOT_TEXT}"),
        ("", "is empty"),
        ("''", "is empty"),
    ],
)
def test_a_path_that_is_not_text_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"download:\n  folder: {value}\n")
    with pytest.raises(UserError, match=f"params.yaml of workspace: download.folder {reason}"):
        check_paths()
    Path("params.yaml").write_text("download:\n  folder: 2024-13-45\n")
    with pytest.raises(UserError, match=r"params.yaml of workspace cannot be read: month must be in"):
        check_paths()


def test_an_invalid_configuration_of_dvc_is_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("['remote \"storage\"']\n    user = me\n")
    with pytest.raises(UserError, match="expected 'url' for dictionary value"), open_repo():
        pass
