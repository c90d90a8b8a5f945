"""Accuracy of a recipe over seeds: trains it with each, scores them on the test set, and writes the table.

From the project's root, after `dvc repro split`: python -m benchmarks.accuracy RECIPE [SEEDS], or `make accuracy`
The seeds are the members of one training, by default 5 or as many as the recipe has, so their vote is measured too.
Killed and called again, it goes on where it was. Keeps the figures in benchmarks/accuracy/, and writes
benchmarks/accuracy.md from all that are there.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ruamel.yaml import YAML
from scipy.stats import binomtest, t
from src.files import read_bytes, read_csv, write_bytes, write_json
from src.params import read_params, read_yaml
from src.results import TEST_SET
from src.run import run

from src.compare import compare_seeds, mcnemar
from stages import download, evaluate, report, split, train

WORK = Path(".accuracy")  # a copy of the project for each recipe, with the training that it has begun
RESULTS = Path("benchmarks/accuracy")
TABLE = Path("benchmarks/accuracy.md")
BASE = "default"  # what the others are compared with


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy")
    parser.add_argument("recipe", metavar="RECIPE", type=Path)
    parser.add_argument("seeds", metavar="SEEDS", type=count, nargs="?")
    recipe = parser.parse_args().recipe
    for stage in (download, split, train, evaluate, report):
        read_params(stage.Params, recipe)  # what is wrong with it is said before anything is made
    params = read_yaml(recipe)
    seeds = parser.parse_args().seeds or max(5, params["train"]["members"])
    params["train"]["members"] = seeds
    project = WORK / recipe.stem
    begun = project.exists()
    copy_project(project, params)
    start = time.perf_counter()
    dvc(project, "repro", "--allow-missing", "train")
    minutes = (time.perf_counter() - start) / 60
    dvc(project, "repro", "--allow-missing", "evaluate")

    metrics, environment = (
        json.loads(read_bytes(project / path)) for path in ("data/evaluate/metrics.json", "data/train/environment.json")
    )
    outs = read_yaml(project / "dvc.lock")["stages"]["download"]["outs"]
    on_cpu = f"{environment['processor']}, {environment['threads']} threads"
    result = {
        "command": f"make accuracy RECIPE={recipe} SEEDS={seeds}",
        "seed": params["train"]["seed"],  # the first
        "accuracy": list(metrics.get("members", {"accuracy": {"0": metrics["accuracy"]}})["accuracy"].values()),
        "images": metrics["images"],
        "wrong": [int(row["index"]) for row in read_csv(project / "data/evaluate/errors.csv")],  # of the vote
        "minutes": None if begun else minutes / seeds,  # a network; None: part of it was trained by an earlier call
        "machine": f"{on_cpu if environment['device'] == 'cpu' else environment['device']}, {environment['precision']}",
        "test_set": next(out["md5"] for out in outs if out["path"] == TEST_SET),
        "params": params,
    }
    write_json(RESULTS / f"{recipe.stem}.json", result)
    write_bytes(TABLE, table({path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}).encode())
    shutil.rmtree(project)
    print(TABLE.read_text())


def count(text: str) -> int:
    """As many networks as train.members can be."""
    if not 1 <= (number := int(text)) <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to 1000")
    return number


def copy_project(project: Path, params: dict[str, Any]) -> None:
    """The pipeline and its data as they are now, and params; what is kept of a training that has begun stays."""
    if not project.exists():
        begun = project.with_suffix(".begun")
        shutil.rmtree(begun, ignore_errors=True)
        shutil.copytree("data/download", begun / "data/download")
        shutil.copytree("data/split", begun / "data/split")
        shutil.copy("dvc.lock", begun)
        dvc(begun, "init", "--no-scm", "--quiet")
        begun.rename(project)
    for name in ("src", "stages"):
        shutil.rmtree(project / name, ignore_errors=True)
        shutil.copytree(name, project / name)
    shutil.copy("dvc.yaml", project)
    YAML().dump(params, project / "params.yaml")


def dvc(project: Path, *arguments: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # dvc runs `python`
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"}
    if subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=project, env=environment).returncode:
        raise ValueError(f"`dvc {' '.join(arguments)}` failed in {project}; the same call goes on where it was")


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results in order of their accuracy, how they compare with the default's, and every single score."""
    results = dict(sorted(results.items(), key=lambda item: mean(item[1]["accuracy"])))
    lines = [
        "Made by the commands below, each of all its networks: none is left out.",
        "",
        "| recipe | networks | one alone: mean ± deviation | 95% interval of that mean (t) | vote of all"
        " | 95% interval of the vote (Wilson) | minutes a network | machine | command |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        minutes = "" if result["minutes"] is None else f"{result['minutes']:.1f}"
        cells = [name, str(len(result["accuracy"])), *scores(result), minutes, result["machine"]]
        lines.append(f"| {' | '.join(cells)} | `{result['command']}` |")
    base = results.get(BASE, {"test_set": None})
    others = [name for name in results if name != BASE and results[name]["test_set"] == base["test_set"]]
    if others:
        lines += ["", f"| against {BASE} | one alone, mean (Welch) | vote, image by image (McNemar) |", "|---|---|---|"]
        lines += [f"| {name} | {' | '.join(against(base, results[name]))} |" for name in others]
    seeds = sorted(
        {result["seed"] + number for result in results.values() for number in range(len(result["accuracy"]))}
    )
    lines += ["", f"| seed | {' | '.join(map(str, seeds))} |", f"|{'---|' * (len(seeds) + 1)}"]
    for name, result in results.items():
        by_seed = {result["seed"] + number: f"{value:.2%}" for number, value in enumerate(result["accuracy"])}
        lines.append(f"| {name} | {' | '.join(by_seed.get(seed, '') for seed in seeds)} |")
    return "\n".join([*lines, ""])


def scores(result: dict[str, Any]) -> list[str]:
    """Mean and its interval, vote and its interval; the first as n = 1, and no vote, of a single network."""
    accuracy, images, wrong = result["accuracy"], result["images"], len(result["wrong"])
    if len(accuracy) == 1:
        return [f"{accuracy[0]:.2%}, n = 1", "", "", ""]
    margin = float(t.ppf(0.975, len(accuracy) - 1)) * stdev(accuracy) / sqrt(len(accuracy))
    of_vote = binomtest(images - wrong, images).proportion_ci(0.95, method="wilson")
    return [
        f"**{mean(accuracy):.3%} ± {100 * stdev(accuracy):.3f}**",
        f"{mean(accuracy) - margin:.3%} to {mean(accuracy) + margin:.3%}",
        f"{1 - wrong / images:.2%}, n = 1",
        f"{of_vote.low:.2%} to {of_vote.high:.2%}",
    ]


def against(base: dict[str, Any], other: dict[str, Any]) -> tuple[str, str]:
    """What differs from the base, and whether by more than chance."""
    means, votes = "too few networks", "not as many networks"
    if min(len(base["accuracy"]), len(other["accuracy"])) > 1:
        made = compare_seeds(base["accuracy"], other["accuracy"], 0.05)
        low, high = (f"{100 * bound:+.3f}" for bound in made.interval)
        means = f"{made.verdict}: {low} to {high} points"
    if len(base["accuracy"]) == len(other["accuracy"]):
        fixed, broken = len({*base["wrong"]} - {*other["wrong"]}), len({*other["wrong"]} - {*base["wrong"]})
        votes = f"{fixed} fixed, {broken} broken: p = {mcnemar(fixed, broken):.2g}"
    return means, votes


if __name__ == "__main__":
    run(main)
