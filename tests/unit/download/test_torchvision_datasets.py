"""torchvision beside a PyTorch without its CUDA part, and beside one with all it needs."""

import subprocess
import sys
from pathlib import Path

from tests.project import ROOT


def python(code: str, *path: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(entry) for entry in (*path, ROOT)]}\n{code}"]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return result.stdout


def test_imports_beside_the_pytorch_that_is_installed() -> None:
    code = "from src.torchvision_datasets import *; print(MNIST.resources[0][0], len(FashionMNIST.classes))"
    assert python(code) == "train-images-idx3-ubyte.gz 10\n"


def test_imports_where_the_operators_are_missing(tmp_path: Path) -> None:
    assert "declared: True" in fake_torchvision(tmp_path, "torch.library.register_fake('torchvision::nms')(print)")


def test_declares_nothing_where_the_operators_are_there(tmp_path: Path) -> None:
    assert "declared: False" in fake_torchvision(tmp_path, "")


def fake_torchvision(path: Path, on_import: str) -> str:
    (path / "torchvision").mkdir()
    body = "class datasets:\n    MNIST = FashionMNIST = KMNIST = None\n"
    (path / "torchvision/__init__.py").write_text(f"import torch\n{on_import}\n{body}")
    return python("import src.torchvision_datasets as t; print('declared:', hasattr(t, '_library'))", path)
