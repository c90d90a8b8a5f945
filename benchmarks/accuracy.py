"""Measure the test accuracy of a recipe over several seeds, and write the table of all recipes measured so far.

Run it from the project's root after `dvc repro split`, or as `make accuracy RECIPE=accurate SEEDS=5`. The networks form
one ensemble, whose accuracy is measured too. If the run is killed, the same command resumes it. The figures are kept in
benchmarks/accuracy/, and the table in benchmarks/accuracy.md is made from all of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from benchmarks.accuracy_table import render_table
from benchmarks.copying import copy_data, copy_project
from src.common.artifacts import Environment, Error, MetricsFile
from src.common.cli import run_cli
from src.common.errors import UserError
from src.common.files import read_csv, read_json, write_bytes, write_json
from src.common.params import PARAMS, read_yaml
from src.common.text import count, dataset_name
from src.network.params import NO_BACKBONE
from src.params.params import check_params, read_recipe
from stages.download import TEST
from tools.recipe import find_recipe

WORK = Path(".accuracy")  # one copy of the project per unfinished measurement
FIGURES = Path("benchmarks/accuracy")
TABLE = Path("benchmarks/accuracy.md")


def main() -> None:
    arguments = parse_arguments()
    path = find_recipe(arguments.recipe)
    recipe = read_recipe(path)
    recipe["download"] = read_yaml(PARAMS).get("download", recipe["download"])  # which recipes leave to the user
    data = [] if recipe["download"]["dataset"] == "mnist" else [dataset_name(recipe)]
    params = override(recipe, arguments.set)
    check_params(params, path)  # before anything is written
    seeds = arguments.seeds or max(5, params["train"]["members"])
    params["train"]["members"] = seeds
    name = ",".join([arguments.recipe, *data, *arguments.set]).replace("/", "_")
    project = WORK / name
    resumed = project.exists()
    prepare(project, params)
    start = time.perf_counter()
    run_dvc(project, "repro", "--allow-missing", "train")
    minutes = (time.perf_counter() - start) / 60
    run_dvc(project, "repro", "--allow-missing", "evaluate")

    metrics = read_json(project / "data/evaluate/metrics.json", MetricsFile).test
    environment = read_json(project / "data/train/environment.json", Environment)
    device = environment.device
    if device == "cpu":
        device = f"{environment.processor}, {count('thread', environment.threads)}"
    outs = read_yaml(project / "dvc.lock")["stages"]["download"]["outs"]
    settings = f" SET='{' '.join(arguments.set)}'" if arguments.set else ""
    figures = {
        "command": f"make accuracy RECIPE={arguments.recipe} SEEDS={seeds}{settings}",
        "recipe": arguments.recipe,
        "set": arguments.set,
        "seed": params["train"]["seed"],  # of the first network
        "accuracy": list(metrics.members.accuracy.values()) if metrics.members else [metrics.accuracy],
        "images": metrics.images,
        "wrong": [error.index for error in read_csv(project / "data/evaluate/errors.csv", Error)],  # of the ensemble
        "minutes": None if resumed else minutes / seeds,  # per network; unknown if an earlier run did part of it
        "machine": f"{device}, {environment.precision}",
        "test_set": next(out["md5"] for out in outs if out["path"] == f"{TEST}"),
        "params": params,
    }
    write_json(FIGURES / f"{name}.json", figures)
    write_bytes(
        TABLE, render_table({path.stem: json.loads(path.read_text()) for path in FIGURES.glob("*.json")}).encode()
    )
    shutil.rmtree(project)
    print(TABLE.read_text())


def override(params: dict[str, Any], assignments: list[str]) -> dict[str, Any]:
    """Apply assignments such as `train.precision=fp32`; raise UserError if one is malformed."""
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        section, _, name = key.partition(".")
        if not separator or name not in params.get(section, {}):
            raise UserError(f"{assignment!r} does not set a parameter; expected, for example, train.precision=fp32")
        try:
            params[section][name] = YAML(typ="safe").load(value)
        except YAMLError as error:
            raise UserError(f"{assignment!r} is not valid YAML: {error}") from None
    return params


def prepare(project: Path, params: dict[str, Any]) -> None:
    """Copy the project and its data; an existing copy keeps its checkpoints, which need the same code and data."""
    for folder in ("src", "stages", "data"):
        shutil.rmtree(project / folder, ignore_errors=True)
    copy_data(project)
    copy_project(project)
    model = params["model"]
    if model["backbone"] != NO_BACKBONE:  # Git ignores it, so it is not in the copy
        params = params | {"model": model | {"backbone": str(Path(model["backbone"]).absolute())}}
    (project / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")  # the copy is ignored by Git
    YAML().dump(params, project / "params.yaml")


def run_dvc(project: Path, *arguments: str) -> None:
    """Run DVC in the copy; raise UserError if it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # dvc runs `python`
    if subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=project, env=os.environ | {"PATH": path}
    ).returncode:
        raise UserError(f"`dvc {' '.join(arguments)}` failed in {project}; run the same command again to resume")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("recipe", metavar="RECIPE", help="the name of a file in recipes/, without .yaml")
    parser.add_argument(
        "seeds",
        metavar="SEEDS",
        type=network_count,
        nargs="?",
        help="number of networks; default: 5, or train.members if larger",
    )
    parser.add_argument(
        "-S", "--set", metavar="KEY=VALUE", action="append", default=[], help="set a parameter, as in dvc exp run"
    )
    return parser.parse_args()


def network_count(text: str) -> int:
    """Parse a number of networks, within the limits of train.members."""
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 1000")
    return int(text)


if __name__ == "__main__":
    run_cli(main)
