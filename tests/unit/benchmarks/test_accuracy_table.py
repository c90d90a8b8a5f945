"""The table of accuracies, and that its figures are those of the recipes as they are now."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import FIGURES, TABLE, override, prepare
from benchmarks.accuracy_table import render_table
from src.common.errors import UserError
from src.common.files import write_bytes
from src.common.params import read_yaml
from src.network.params import ModelParams
from src.params.params import default_values, read_recipe
from src.train.params import TrainParams
from tests.helpers import ROOT

MEASURED = sorted((ROOT / FIGURES).glob("*.json"))


def figures(
    *accuracy: float, recipe: str = "default", wrong: range = range(10), test_set: str = "a", dataset: str = "digits"
) -> dict[str, Any]:
    return {
        "command": "make accuracy",
        "recipe": recipe,
        "set": [],
        "seed": 3,
        "accuracy": accuracy,
        "images": 1000,
        "wrong": list(wrong),
        "minutes": 1.25,
        "machine": "M",
        "test_set": test_set,
        "params": {"download": {"dataset": dataset, "folder": "photos"}},
    }


def test_several_networks_have_a_mean_an_ensemble_and_a_verdict() -> None:
    text = render_table(
        {"default": figures(0.98, 0.981, 0.979), "better": figures(0.99, 0.991, 0.989, recipe="better", wrong=range(2))}
    )
    assert (
        "| better | digits | 3 | **99.000% ± 0.100** | 98.752% to 99.248% | 99.80%, n = 1 | 99.27% to 99.95% | 1.2 |"
        in text
    )
    assert "| better | better: +0.773 to +1.227 points | 8 fixed, 0 broken: p = 0.0078 |" in text
    assert "| seed | 3 | 4 | 5 |" in text
    assert "| default | 98.00% | 98.10% | 97.90% |" in text


def test_a_single_network_is_marked_and_not_compared() -> None:
    text = render_table({"default": figures(0.98, 0.981), "one": figures(0.99, recipe="one")})
    assert "| one | digits | 1 | 99.00%, n = 1 |  |  |  | 1.2 |" in text
    assert "| one | too few networks | different number of networks |" in text
    assert "too few networks" in render_table(
        {"default": figures(0.98), "several": figures(0.99, 0.991, recipe="several")}
    )


def test_the_interval_ends_at_100_percent() -> None:
    assert "% to 100.000% | " in render_table({"default": figures(1.0, 0.99, 1.0)})


def test_equal_networks_have_no_interval() -> None:
    assert "| **99.000% ± 0.000** | none |" in render_table({"equal": figures(0.99, 0.99)})


def test_results_on_another_test_set_are_not_compared() -> None:
    other = figures(0.99, 0.991, recipe="other", test_set="b", dataset="folder")
    text = render_table({"default": figures(0.9, 0.91), "other": other})
    assert "| other | photos | 2 |" in text
    assert "against" not in text
    base = figures(0.9, 0.91, test_set="b", dataset="folder")
    assert "| other | better" in render_table({"default": figures(0.9, 0.91), "default,photos": base, "other": other})


def test_assignments_override_parameters() -> None:
    values = override(default_values(), ["train.precision=fp32", "model.conv_channels=[[4], [8]]"])
    assert values["train"]["precision"] == "fp32"
    assert values["model"]["conv_channels"] == [[4], [8]]
    for wrong in ("train.precisoin=fp32", "precision=fp32", "train.precision"):
        with pytest.raises(UserError, match=f"{wrong!r} does not set a parameter"):
            override(default_values(), [wrong])


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
def test_figures_belong_to_the_recipe_as_it_is(path: Path) -> None:
    measured = json.loads(path.read_text())
    params = override(read_recipe(ROOT / f"recipes/{measured['recipe']}.yaml"), measured["set"])
    params["train"]["members"] = len(measured["accuracy"])
    train = TrainParams.model_validate(params["train"])
    if measured["params"]["train"]["epochs"] != "auto":  # measured when there was no auto
        images = 60_000 if train.refit else 48_000
        params["train"] |= train.plan(images)._asdict()
        params["download"] |= {"image_size": 28, "channels": 1}
        params["model"]["conv_channels"] = ModelParams.model_validate(params["model"]).blocks((1, 28, 28))
    if measured["params"]["model"]["hidden_units"] != "auto":  # as above
        params["model"]["hidden_units"] = ModelParams.model_validate(params["model"]).hidden_layers()
    # Parameters that were added since the measurement do not count against it.
    known = {section: {key: params[section][key] for key in keys} for section, keys in measured["params"].items()}
    assert measured["params"] == known


def test_the_committed_table_is_made_from_the_figures() -> None:
    assert (ROOT / TABLE).read_text() == render_table({path.stem: json.loads(path.read_text()) for path in MEASURED})


def test_a_resumed_measurement_has_the_data_of_now_and_its_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.copying.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for name in (".dvc/config", "data/download/test.npz", "data/split/indices.npz"):
        write_bytes(tmp_path / name, b"old")
    copy = tmp_path / ".accuracy/default"
    prepare(copy, {"model": {"backbone": "lite.onnx"}, "train": {"seed": 0}})
    assert read_yaml(copy / "params.yaml")["model"] == {"backbone": str(tmp_path / "lite.onnx")}
    write_bytes(copy / ".checkpoints/0.checkpoint", b"kept")
    write_bytes(tmp_path / "data/download/test.npz", b"new")
    params = {"model": {"backbone": "backbone"}, "train": {"seed": 1}}
    prepare(copy, params)
    assert (copy / "data/download/test.npz").read_bytes() == b"new"
    assert (copy / ".checkpoints/0.checkpoint").exists()
    assert read_yaml(copy / "params.yaml") == params
