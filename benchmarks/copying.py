"""Copy the project, to run it with other parameters or to test it without touching the original."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def copy_project(target: Path) -> Path:
    """Copy the files of this project as they are now, committed or not, except those that Git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def copy_data(target: Path) -> None:
    """Copy the downloaded dataset and the split, which Git ignores."""
    for folder in ("data/download", "data/split"):
        shutil.copytree(ROOT / folder, target / folder, dirs_exist_ok=True)
