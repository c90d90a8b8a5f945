"""The table of accuracies, and that what it says is of the recipes as they stand."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks.accuracy import RESULTS, TABLE, table
from tests.project import ROOT

KEPT = sorted((ROOT / RESULTS).glob("*.json"))
SHIPPED = [path for path in KEPT if (ROOT / "recipes" / path.with_suffix(".yaml").name).exists()]


def result(*accuracy: float, wrong: range = range(10), test_set: str = "a") -> dict[str, Any]:
    return {
        "command": "make accuracy",
        "seed": 3,
        "accuracy": accuracy,
        "images": 1000,
        "wrong": list(wrong),
        "minutes": 1.25,
        "machine": "M",
        "test_set": test_set,
        "params": {},
    }


def test_several_networks_have_a_mean_a_vote_and_a_verdict() -> None:
    text = table({"default": result(0.98, 0.981, 0.979), "better": result(0.99, 0.991, 0.989, wrong=range(2))})
    assert "| better | 3 | **99.000% ± 0.100** | 98.752% to 99.248% | 99.80%, n = 1 | 99.27% to 99.95% | 1.2 |" in text
    assert "| better | better: +0.773 to +1.227 points | 8 fixed, 0 broken: p = 0.0078 |" in text
    assert "| seed | 3 | 4 | 5 |" in text
    assert "| default | 98.00% | 98.10% | 97.90% |" in text


def test_a_single_network_is_labelled_so_and_not_compared() -> None:
    text = table({"default": result(0.98, 0.981), "one": result(0.99)})
    assert "| one | 1 | 99.00%, n = 1 |  |  |  | 1.2 |" in text
    assert "| one | too few networks | not as many networks |" in text
    assert "too few networks" in table({"default": result(0.98), "several": result(0.99, 0.991)})


def test_what_was_measured_otherwise_is_not_compared() -> None:
    assert "| other | better" not in table({"default": result(0.9, 0.91), "other": result(0.99, 0.991, test_set="b")})
    assert "against" not in table({"other": result(0.99, 0.991)})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_figures_are_of_the_recipe_as_it_stands(path: Path) -> None:
    measured = json.loads(path.read_text())
    recipe = YAML(typ="safe").load(ROOT / measured["command"].split("RECIPE=")[1].split()[0])
    assert measured["params"] == recipe | {"train": recipe["train"] | {"members": len(measured["accuracy"])}}


def test_the_table_is_of_the_figures() -> None:
    assert (ROOT / TABLE).read_text() == table({path.stem: json.loads(path.read_text()) for path in KEPT})
