from pathlib import Path

from tools.predict import find_pictures


def test_a_folder_stands_for_the_pictures_that_download_would_read(tmp_path: Path) -> None:
    for name in ("README.md", ".hidden", "2.png", "cat/1.png", "cat/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(find_pictures(["-", str(tmp_path)])) == ["-", f"{tmp_path}/2.png", f"{tmp_path}/cat/1.png"]
