"""Whole trainings of params.yaml over seeds, in bfloat16 and in float32: accuracy, time and memory.

From the project's root, on a machine that does nothing else, after `dvc repro split`: python -m benchmarks.seeds
Writes benchmarks/seeds.md. Takes about half an hour on two cores.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ruamel.yaml import YAML

SEEDS = 5
PRECISIONS = ("bf16", "fp32")
TABLE = Path("benchmarks/seeds.md")


class Training(NamedTuple):
    """One run of the train stage, and what evaluate made of it; accuracies are percentages, memory is in GiB."""

    precision: str
    seed: int
    validation: float
    test: float
    seconds: float
    memory: float


def main() -> None:
    trainings = []
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("src", "stages", "data/download", "data/split"):
            shutil.copytree(name, copy / name)
        for seed in range(SEEDS):
            for precision in PRECISIONS:
                trainings.append(train(copy, precision, seed))
                print(trainings[-1], flush=True)
        environment = json.loads((copy / "data/train/environment.json").read_text())
    TABLE.write_text(table(trainings, f"{environment['processor']}, {environment['threads']} threads"))
    print(TABLE.read_text())


def train(project: Path, precision: str, seed: int) -> Training:
    yaml = YAML()
    params = yaml.load(Path("params.yaml"))
    params["train"] |= {"precision": precision, "seed": seed, "members": 1, "refit": False}
    yaml.dump(params, project / "params.yaml")
    shutil.rmtree(project / "data/train", ignore_errors=True)
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "stages.train"], cwd=project, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert status == 0
    subprocess.run([sys.executable, "-m", "stages.evaluate"], cwd=project, stdout=subprocess.DEVNULL, check=True)
    validation = json.loads((project / "data/train/metrics.json").read_text())["validation_accuracy"]
    test = json.loads((project / "data/evaluate/metrics.json").read_text())["accuracy"]
    return Training(precision, seed, 100 * validation, 100 * test, seconds, usage.ru_maxrss / 2**20)


def table(trainings: list[Training], machine: str) -> str:
    lines = [
        f"Made by `python -m benchmarks.seeds`: whole train stages of `params.yaml`, start-up included. {machine}.\n",
        "| precision | seed | validation | test | seconds | peak memory, GiB |",
        "|---|---|---|---|---|---|",
    ]
    for precision in PRECISIONS:
        group = [training for training in trainings if training.precision == precision]
        for run in group:
            accuracies = f"{run.validation:.2f}% | {run.test:.2f}%"
            lines.append(f"| {precision} | {run.seed} | {accuracies} | {run.seconds:.0f} | {run.memory:.2f} |")
        columns = list(zip(*(training[2:] for training in group), strict=True))
        means = [f"{statistics.mean(column):.3g}" for column in columns[2:]]
        spreads = [f"**{statistics.mean(column):.3f} ± {statistics.stdev(column):.3f}%**" for column in columns[:2]]
        lines.append(f"| {precision} | mean ± deviation | {' | '.join(spreads + means)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
