"""Accuracy of a recipe over seeds: trains it with each, scores all of them on the test set, once, and writes the table.

From the project's root: python -m benchmarks.accuracy RECIPE SEEDS, or make accuracy RECIPE=... SEEDS=...
The seeds are members of one training, so their vote is measured too, and a run that was killed goes on where it was.
Keeps the figures in benchmarks/accuracy/ and writes benchmarks/accuracy.md from all that are there.
"""

import json
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

from src.compare import compare_seeds, mcnemar
from src.files import read_csv, write_bytes, write_json
from src.params import PARAMS, read_yaml

WORK = Path(".accuracy")  # a copy of the project for each recipe, with the training that it has begun
RESULTS = Path("benchmarks/accuracy")
TABLE = Path("benchmarks/accuracy.md")
BASE = "params"  # what the others are compared with


def main(recipe: Path, seeds: int) -> None:
    project = WORK / recipe.stem
    copy_project(project, recipe, seeds)
    fresh = not (project / ".checkpoints").exists()
    start = time.perf_counter()
    for stage in ("train", "evaluate"):
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=project, check=True)
        if stage == "train":
            seconds = time.perf_counter() - start
    metrics = json.loads((project / "data/evaluate/metrics.json").read_text())
    members = metrics.get("members", {"accuracy": {"0": metrics["accuracy"]}})["accuracy"]
    environment = json.loads((project / "data/train/environment.json").read_text())
    result = {
        "command": f"make accuracy RECIPE={recipe} SEEDS={seeds}",
        "accuracy": list(members.values()),
        "images": metrics["images"],
        "wrong": [int(row["index"]) for row in read_csv(project / "data/evaluate/errors.csv")],  # of the vote
        "minutes": seconds / 60 / seeds if fresh else None,  # a seed; None: the training went on from an earlier call
        "machine": f"{environment['processor']}, {environment['threads']} threads, {environment['precision']}",
    }
    write_json(RESULTS / f"{recipe.stem}.json", result)
    shutil.rmtree(project)
    write_bytes(TABLE, table({path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}).encode())
    print(TABLE.read_text())


def copy_project(project: Path, recipe: Path, seeds: int) -> None:
    """The code and data as they are now, and the recipe with so many members; what is kept of a training stays."""
    params = read_yaml(recipe)
    for section in ("download", "split"):
        if params[section] != read_yaml(PARAMS)[section]:
            raise SystemExit(f"accuracy: {recipe} has another {section} than params.yaml, whose data is taken")
    for name in ("src", "stages", "data/download", "data/split"):
        shutil.rmtree(project / name, ignore_errors=True)
        shutil.copytree(name, project / name)
    params["train"]["members"] = seeds
    YAML().dump(params, project / "params.yaml")


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results in order of their accuracy, how they compare with the default's, and every single score."""
    results = dict(sorted(results.items(), key=lambda item: mean(item[1]["accuracy"])))
    lines = [
        "Made by the commands below. Every network was scored on the test set once, with its recipe as it stands; none"
        " was left out or chosen by its score.\n",
        "| recipe | networks | one alone: mean ± deviation | 95% interval of the mean | vote of all | 95% interval"
        " | minutes a network | machine | command |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        accuracy, images, wrong = result["accuracy"], result["images"], len(result["wrong"])
        count = len(accuracy)
        interval = binomtest(images - wrong, images).proportion_ci(0.95, method="wilson")
        voted = [f"{1 - wrong / images:.2%}, n = 1" if count > 1 else "", f"{interval.low:.2%} to {interval.high:.2%}"]
        alone = [f"{mean(accuracy):.2%}, n = 1", ""]
        if count > 1:
            margin = float(t.ppf(0.975, count - 1)) * stdev(accuracy) / sqrt(count)
            alone = [
                f"**{mean(accuracy):.3%} ± {100 * stdev(accuracy):.3f}**",
                f"{mean(accuracy) - margin:.3%} to {mean(accuracy) + margin:.3%}",
            ]
        minutes = "" if result["minutes"] is None else f"{result['minutes']:.1f}"
        cells = [name, str(count), *alone, *voted, minutes, result["machine"], f"`{result['command']}`"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"| against `{BASE}` | mean of one alone (Welch, 95%) | votes, image by image (McNemar) |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {' | '.join(against(results[BASE], results[name]))} |" for name in results if name != BASE]
    most = max(len(result["accuracy"]) for result in results.values())
    lines += ["", f"| seed | {' | '.join(map(str, range(most)))} |", f"|{'---|' * (most + 1)}"]
    for name, result in results.items():
        scores = [f"{accuracy:.2%}" for accuracy in result["accuracy"]]
        lines.append(f"| {name} | {' | '.join(scores + [''] * (most - len(scores)))} |")
    return "\n".join([*lines, ""])


def against(base: dict[str, Any], other: dict[str, Any]) -> tuple[str, str]:
    """What differs from the base, and whether by more than chance."""
    means = "one network only"
    if len(other["accuracy"]) > 1:
        made = compare_seeds(base["accuracy"], other["accuracy"], 0.05)
        low, high = (f"{100 * bound:+.3f}" for bound in made.interval)
        means = f"{made.verdict}: {low} to {high} points"
    fixed, broken = (
        len(set(a) - set(b)) for a, b in ((base["wrong"], other["wrong"]), (other["wrong"], base["wrong"]))
    )
    return means, f"{fixed} fixed, {broken} broken: p = {mcnemar(fixed, broken):.2g}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
