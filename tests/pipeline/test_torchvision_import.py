"""Importing torchvision when its compiled operators load, and when they do not."""

import subprocess
import sys
from pathlib import Path

from tests.helpers import ROOT


def run_python(code: str, *path: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(entry) for entry in (*path, ROOT)]}\n{code}"]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return result.stdout


def import_beside_fake_torchvision(path: Path, on_import: str) -> str:
    """Import the module beside a torchvision that runs this code; says whether it declared the operators."""
    (path / "torchvision").mkdir()
    body = "class datasets:\n    MNIST = FashionMNIST = KMNIST = None\n"
    (path / "torchvision/__init__.py").write_text(f"import torch\n{on_import}\n{body}")
    return run_python("import src.download.idx_datasets as t; print('declared:', hasattr(t, '_library'))", path)


def test_it_imports_beside_the_installed_pytorch() -> None:
    code = "import src.download.idx_datasets; from torchvision.datasets import FashionMNIST as F; print(len(F.classes))"
    assert run_python(code) == "10\n"


def test_missing_operators_are_declared(tmp_path: Path) -> None:
    assert "declared: True" in import_beside_fake_torchvision(
        tmp_path, "torch.library.register_fake('torchvision::nms')(print)"
    )


def test_nothing_is_declared_if_the_operators_exist(tmp_path: Path) -> None:
    assert "declared: False" in import_beside_fake_torchvision(tmp_path, "")
