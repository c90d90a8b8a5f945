"""Read the result of a revision using only what is in Git; neither cache nor remote is needed."""

import csv
import io
import json
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from src.common.sprites import split_sprite_sheet
from src.compare.comparison import Mistake, Result
from src.compare.git import experiment_baseline, list_experiments, read_file

LOCK = "dvc.lock"
METRICS = {"train": "data/train/metrics.json", "evaluate": "data/evaluate/metrics.json"}
MISTAKES = "data/evaluate/errors.csv"
IMAGES = "data/evaluate/errors.png"
ACCURACY = "evaluate.accuracy"
IMAGE_COUNT = "evaluate.images"
TEST_SET = "data/download/test.npz"
MODEL = "data/train/model.safetensors"
SEED = "train.seed"
MEMBERS = "train.members"


def read_result(revision: str) -> Result:
    """Read the result of a Git revision, of a DVC experiment by name, or of the `workspace`.

    The parameters are those of dvc.lock, which produced the result; params.yaml may have been edited since.
    Raise UsageError if there is no such revision, ValueError if it has no complete result.
    """
    texts = {path: read_file(revision, path).decode() for path in (LOCK, *METRICS.values(), MISTAKES)}
    try:
        stages = YAML(typ="safe").load(texts[LOCK])["stages"]
        params: dict[str, Any] = {}
        code: dict[str, str] = {}
        # The report first, so that each stage's own parameters override the report's copies, which may be outdated.
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
        for required in (ACCURACY, IMAGE_COUNT):
            if required not in metrics:
                raise ValueError(f"the metric {required} is missing")
        evaluated = _hashes(stages["evaluate"], "deps")
        up_to_date = evaluated[MODEL] == _hashes(stages["train"], "outs")[MODEL]
        result = Result(revision, params, metrics, mistakes, evaluated[TEST_SET], code)
    except (AttributeError, KeyError, TypeError, ValueError, YAMLError) as error:
        raise ValueError(f"the result of {revision} cannot be read: {error!r}") from None
    if not up_to_date:
        raise ValueError(f"{revision}: the model was trained again after its evaluation; run `dvc repro` there")
    return result


def read_images(result: Result) -> np.ndarray:
    """Return the images of a result's mistakes, uint8 (E, C, H, W), in the order of errors.csv."""
    try:
        return split_sprite_sheet(read_file(result.name, IMAGES), len(result.mistakes))
    except OSError:
        raise ValueError(f"{result.name}: {IMAGES} is damaged") from None


def read_seeds(revision: str) -> list[Result]:
    """Return the result of a revision, and all that differ from it only in train.seed and share no network.

    Search the experiments and the commits that they started from.
    """
    first = read_result(revision)
    found = [first]
    experiments = sorted(list_experiments(), key=lambda ref: ref.split("/")[4])
    for name in (*experiments, *sorted({experiment_baseline(ref) for ref in experiments})):
        try:
            result = read_result(name)
        except ValueError:
            continue  # without a result, or from an earlier layout of the project
        if _without_seed(result) == _without_seed(first) and not any(_share_seed(result, other) for other in found):
            found.append(result)
    return found


def _share_seed(one: Result, other: Result) -> bool:
    """Return whether two ensembles have the seed of a network in common."""
    distance = abs(one.params.get(SEED, 0) - other.params.get(SEED, 0))
    return bool(distance < one.params.get(MEMBERS, 1))


def _without_seed(result: Result) -> tuple[Any, ...]:
    return {key: value for key, value in result.params.items() if key != SEED}, result.code, result.test_set


def _hashes(stage: dict[str, Any], kind: str) -> dict[str, str]:
    return {entry["path"]: entry["md5"] for entry in stage.get(kind, [])}


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
