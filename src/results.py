"""A Git revision, DVC experiment or the workspace in, the result that it holds out, from what is in Git alone."""

import csv
import functools
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
MODEL = "data/train/model.safetensors"
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
        code: dict[str, str] = {}
        # The report first: its copies of the other stages' parameters are older than theirs when they ran without it.
        for _, stage in sorted(stages.items(), key=lambda item: item[0] != "report"):
            params |= _flatten(stage.get("params", {}).get("params.yaml", {}))
            code |= {path: md5 for path, md5 in _hashes(stage, "deps").items() if not path.startswith("data/")}
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
        evaluated = _hashes(stages["evaluate"], "deps")
        up_to_date = evaluated[MODEL] == _hashes(stages["train"], "outs")[MODEL]
        result = Result(revision, params, metrics, mistakes, evaluated[TEST_SET], code)
    except (AttributeError, KeyError, TypeError, ValueError, YAMLError) as error:
        raise ValueError(f"{revision}: its result cannot be read: {error!r}") from None
    if not up_to_date:
        raise ValueError(f"{revision}: the model was trained again since it was evaluated: run `dvc repro` there")
    return result


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
    experiments = sorted(_experiments(), key=lambda ref: ref.split("/")[4])
    for name in (*experiments, *sorted({_baseline(ref) for ref in experiments})):
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


def _hashes(stage: dict[str, Any], kind: str) -> dict[str, str]:
    return {entry["path"]: entry["md5"] for entry in stage.get(kind, [])}


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True)


def _experiments() -> list[str]:
    """The refs of all experiments."""
    refs = _git("for-each-ref", "--format=%(refname)", PREFIX).stdout.decode().split()
    return [ref for ref in refs if len(ref.split("/")) == 5]


def _baseline(ref: str) -> str:
    """The commit that an experiment began at."""
    return "".join(ref.split("/")[2:4])


@functools.cache
def _commit(revision: str) -> str:
    """The commit that a revision names, or an experiment: of several of one name the one that began at HEAD."""
    refs = [ref for ref in _experiments() if ref.split("/")[4] == revision]
    if len(refs) > 1:
        refs = [ref for ref in refs if _baseline(ref) == _commit("HEAD")]
        if not refs:
            raise UnknownRevisionError(f"{revision}: several experiments have this name; see dvc exp list -A")
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{(refs or [revision])[0]}^{{commit}}")
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
