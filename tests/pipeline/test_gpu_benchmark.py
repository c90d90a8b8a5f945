"""The benchmark for GPUs, on the CPU, with a small network and little data."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import gpu
from src.common.artifacts import AppliedDecision
from src.common.dataset import Split
from src.common.files import write_csv
from src.params.params import default_values
from tests.builders import TINY_MODEL, make_dataset
from tests.forking import forking_commands

PARTS = [name for name in gpu.PARTS if name not in ("twice", "notebook")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with 120 images of noise, and with the parameters of a small network."""

    def small(recipe: str) -> dict[str, Any]:
        values = default_values()
        values["model"].update(TINY_MODEL)
        default = recipe == "default"  # of which one part kills the fifth epoch
        values["train"].update(epochs=5 if default else 1, batch_size=64, patience=0, refit=not default)
        return values

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (120, 1, 28, 28), np.uint8)
    dataset = make_dataset(images, np.arange(120) % 10, [str(digit) for digit in range(10)])
    for name in ("train", "test"):
        dataset.save(tmp_path / f"data/download/{name}.npz")
    write_csv(tmp_path / "data/download/decisions.csv", AppliedDecision, [])
    Split(np.arange(100), np.arange(100, 120)).save(tmp_path / "data/split/indices.npz")
    monkeypatch.setattr(gpu, "recipe_values", small)
    monkeypatch.setattr(sys, "executable", f"{forking_commands() / 'python'}")
    monkeypatch.chdir(tmp_path)


def measure(*parts: str) -> dict[str, Any]:
    """Run the benchmark, and return what it has written."""
    gpu.main([*parts, "--output", "results"])
    results: dict[str, Any] = json.loads(Path("results/gpu.json").read_text())
    for name in results:
        assert f"## {name}\n" in Path("results/gpu.md").read_text()
    return results


def test_a_repeated_and_a_killed_training_are_compared() -> None:
    found = measure("twice")["twice"]
    assert len(found["seconds of the whole stage"]) == 2
    assert found["files that differ when repeated"] == found["files that differ after SIGKILL"] == []


def test_every_other_part_measures_something() -> None:
    measure(*PARTS[:2])
    results = measure(*PARTS[2:])  # added to those measured before
    assert list(results) == PARTS
    assert results["machine"]["device"] == "cpu"
    assert results["evaluation"]["exported model: images predicted differently from the CPU"] == 0
    assert 0 < results["evaluation"]["exported model: largest difference of a probability"] < 1e-4
    assert len(results["default"]["test accuracy"]) == 5
    assert len(results["accurate"]["seconds of training"]) == 10
    assert results["speed"]["fp32, batches of 128"]["images per second"] > 0
