"""A Git revision, DVC experiment or the workspace in, the result that it holds out, from what is in Git alone."""

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from src.compare import Mistake, Result
from src.tiles import from_sheet

WORKSPACE = "workspace"
LOCK = "dvc.lock"
METRICS = {"train": "data/train/metrics.json", "evaluate": "data/evaluate/metrics.json"}
MISTAKES = "data/evaluate/errors.csv"
IMAGES = "data/evaluate/errors.png"
ACCURACY = "evaluate.accuracy"
IMAGES_TESTED = "evaluate.images"
TEST_SET = "data/download/test.npz"
SEED = "train.seed"
MEMBERS = "train.members"
PREFIX = "refs/exps/"  # where DVC keeps experiments: refs/exps/<two digits>/<the other 38>/<name>


class UnknownRevisionError(ValueError):
    """There is no revision or experiment of that name."""


def read_result(revision: str) -> Result:
    """The result of a revision, of an experiment by its name, or of the `workspace`.

    Parameters are those in dvc.lock, which made the result, not those of a params.yaml that has not been run since.
    UnknownRevisionError when there is no such revision, ValueError when it holds no whole result.
    """
    texts = {path: _read(revision, path).decode() for path in (LOCK, *METRICS.values(), MISTAKES)}
    try:
        stages = YAML(typ="safe").load(texts[LOCK])["stages"]
        params: dict[str, Any] = {}
        for stage in stages.values():
            params |= _flatten(stage.get("params", {}).get("params.yaml", {}))
        metrics = _flatten({stage: json.loads(texts[path]) for stage, path in METRICS.items()})
        if not all(isinstance(value, int | float) for value in metrics.values()):
            raise ValueError("a metric is not a number")
        rows = csv.DictReader(io.StringIO(texts[MISTAKES], newline=""))
        mistakes = {
            int(row["index"]): Mistake(row["actual"], row["predicted"], float(row["confidence"])) for row in rows
        }
        for needed in (ACCURACY, IMAGES_TESTED):
            if needed not in metrics:
                raise ValueError(f"the metric {needed} is missing")
        hashes = {out["path"]: out["md5"] for out in stages["download"]["outs"]}
        made_from = {dep["path"]: dep["md5"] for stage in stages.values() for dep in stage.get("deps", [])}
        code = {path: md5 for path, md5 in made_from.items() if not path.startswith("data/")}
        return Result(revision, params, metrics, mistakes, hashes[TEST_SET], code)
    except (AttributeError, KeyError, TypeError, ValueError, YAMLError) as error:
        raise ValueError(f"{revision}: its result cannot be read: {error!r}") from None


def read_images(result: Result) -> np.ndarray:
    """The images of a result's mistakes, uint8 (E, C, H, W), in their order."""
    try:
        return from_sheet(_read(result.name, IMAGES), len(result.mistakes))
    except OSError:
        raise ValueError(f"{result.name}: {IMAGES} is damaged") from None


def read_seeds(revision: str) -> list[Result]:
    """The result of a revision, and of all that differ from it in nothing but train.seed, none sharing a network.

    Looked through are the experiments and the commits that they began at.
    """
    first = read_result(revision)
    found = [first]
    experiments = _experiments()
    baselines = {"".join(ref.split("/")[2:4]) for ref in experiments.values()}
    for name in (*sorted(experiments), *sorted(baselines)):
        try:
            result = read_result(name)
        except ValueError:
            continue  # an experiment without a result, of an earlier layout, say
        if _but_seed(result) == _but_seed(first) and not any(_share(result, other) for other in found):
            found.append(result)
    return found


def _share(one: Result, other: Result) -> bool:
    """Whether a member of one has the seed of a member of the other."""
    distance = abs(one.params.get(SEED, 0) - other.params.get(SEED, 0))
    return bool(distance < one.params.get(MEMBERS, 1))


def _but_seed(result: Result) -> tuple[Any, ...]:
    return {key: value for key, value in result.params.items() if key != SEED}, result.code, result.test_set


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True)


def _experiments() -> dict[str, str]:
    """Every experiment's name and its ref."""
    refs = _git("for-each-ref", "--format=%(refname)", PREFIX).stdout.decode().split()
    return {parts[4]: ref for ref in refs if len(parts := ref.split("/")) == 5}


def _commit(revision: str) -> str:
    name = _experiments().get(revision, revision)
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.decode().strip()
    shallow = _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    advice = "this clone is shallow: git fetch --unshallow" if shallow else "see git branch -a and dvc exp list"
    raise UnknownRevisionError(f"{revision}: no such revision or experiment here; {advice}")


def _read(revision: str, path: str) -> bytes:
    """A file of a revision, or of the workspace."""
    if revision == WORKSPACE:
        if Path(path).is_file():
            return Path(path).read_bytes()
    else:
        shown = _git("show", f"{_commit(revision)}:{path}")
        if shown.returncode == 0:
            return shown.stdout
    raise ValueError(f"{revision}: has no {path}; run `dvc repro` there, and commit")
