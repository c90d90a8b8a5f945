"""Importing torchvision when its compiled operators load, and when they do not."""

from pathlib import Path

from tests.helpers import ROOT, run

DATASETS = "from src.download import idx_datasets; datasets = idx_datasets.import_torchvision().datasets;"
DECLARED = "print(idx_datasets._declare_operators.cache_info().currsize)"


def run_beside_fake_torchvision(path: Path, on_import: str) -> str:
    """Import a torchvision that runs this code; return 1 if that declared the operators, 0 otherwise."""
    (path / "torchvision").mkdir()
    (path / "torchvision/__init__.py").write_text(f"import torch\n{on_import}\nclass datasets: pass")
    return run("python", "-c", f"import sys; sys.path.insert(0, {str(path)!r}); {DATASETS} {DECLARED}", cwd=ROOT)


def test_it_imports_beside_the_installed_pytorch() -> None:
    assert run("python", "-c", f"{DATASETS} print(len(datasets.FashionMNIST.classes))", cwd=ROOT) == "10\n"


def test_missing_operators_are_declared(tmp_path: Path) -> None:
    fail = "torch.library.register_fake('torchvision::nms')(print)"
    assert run_beside_fake_torchvision(tmp_path, fail) == "1\n"


def test_nothing_is_declared_if_the_operators_exist(tmp_path: Path) -> None:
    assert run_beside_fake_torchvision(tmp_path, "") == "0\n"
