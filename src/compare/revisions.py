"""Read the result of a revision using only what is in Git; neither cache nor remote is needed."""

import json
import math
import posixpath
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from dvc.exceptions import DvcException
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from src.common.artifacts import Error, TestImage
from src.common.errors import UserError, recreate
from src.common.files import md5, parse_csv
from src.common.params import flatten
from src.common.sprites import split_sprite_sheet
from src.compare.git import WORKSPACE, find_commit, list_experiments, read_file
from src.network.params import NO_BACKBONE

LOCK, PARAMS, LABELS = "dvc.lock", "params.yaml", "labels.csv"
MEASURED = ("download", "split", "train", "evaluate")  # the stages that the metrics depend on
CODE = ("src/", "stages/")
INPUTS = (*CODE, "data/download/")  # the dependencies of these stages that count as their inputs
PROJECT = (*INPUTS, "data/split/")  # every other dependency of download and train belongs to the user
METRICS = ("data/train/metrics.json", "data/evaluate/metrics.json")
ERRORS = "data/evaluate/errors.csv"
TEST_IMAGES = "data/evaluate/test_set.csv"
IMAGES = "data/evaluate/errors.png"
SPLIT = "data/split/indices.npz"
ACCURACY = "test.accuracy"
ERROR_COUNT = "test.errors"
IMAGE_COUNT = "test.images"
SEED = "train.seed"
SPLIT_SEED = "split.seed"
FOLDER = "download.folder"
BACKBONE = "model.backbone"
MEMBERS = "train.members"


class Result(NamedTuple):
    """What one revision recorded: parameters and metrics by dotted name, errors by image index, and hashes.

    params: the parameters that can change the metrics; model.backbone includes the MD5 of its file. changed_since: what
    has changed since the run: parameters in params.yaml, data and, if read_result returned it, code. test_set: the
    contents of test_set.csv. split_md5: the hash of the split, which different values of split.seed may share. inputs:
    the hashes of the code and the images that can change the metrics, by stage and path.
    """

    name: str
    params: Mapping[str, Any]
    changed_since: list[str]
    metrics: Mapping[str, float]
    errors: Mapping[int, Error]
    test_set: bytes
    inputs: Mapping[tuple[str, str], str]
    images_md5: str
    split_md5: str

    @property
    def accuracy(self) -> float:
        """The accuracy on the test images."""
        return self.metrics[ACCURACY]

    def read_test_images(self) -> list[TestImage]:
        """Return the digest and the label of every test image, by index."""
        return parse_csv(self.test_set, TestImage, Path(TEST_IMAGES))


def read_result(revision: str) -> Result:
    """Read a result as read_recorded does; changed_since also has the code that has changed since the run."""
    result = read_recorded(revision)
    return result._replace(changed_since=[*result.changed_since, *_changed_code(revision)])


def read_recorded(revision: str) -> Result:
    """Read the result of a Git revision, of a DVC experiment by name, or of the `workspace`.

    The parameters are those that produced the result, from dvc.lock; changed_since names those that differ in
    params.yaml, and data that has changed. Raise UsageError if there is no such revision, UserError if it has no
    complete result, or if the result was edited after its run.
    """
    contents = {path: read_file(revision, path) for path in (LOCK, PARAMS, *METRICS, ERRORS, TEST_IMAGES)}
    try:
        stages = YAML(typ="safe").load(contents[LOCK])["stages"]
        sections: dict[str, Any] = {}
        deps = {name: _hashes(stages[name], "deps") for name in MEASURED}
        inputs: dict[tuple[str, str], str] = {}
        outputs: dict[str, str] = {}
        for name in MEASURED:
            sections |= stages[name].get("params", {}).get(PARAMS, {})
            inputs |= {(name, path): recorded for path, recorded in deps[name].items() if path.startswith(INPUTS)}
            outputs |= _hashes(stages[name], "outs")
        for name in MEASURED:
            for path, recorded in deps[name].items():
                if outputs.get(path, recorded) != recorded:
                    raise UserError(f"{path} has changed since the stage {name} was run; run `dvc repro` there")
        for path in (*METRICS, ERRORS, TEST_IMAGES):
            _check_hash(path, contents[path], outputs[path])
        train_metrics, test_metrics = (json.loads(contents[path]) for path in METRICS)
        metrics = flatten(train_metrics | test_metrics)
        errors = {error.index: error for error in parse_csv(contents[ERRORS], Error, Path(ERRORS))}
        _check_metrics(metrics, len(errors))
        params, current = flatten(sections), YAML(typ="safe").load(contents[PARAMS])
        current = flatten({section: current.get(section, {}) for section in sections})
        changed_since = sorted(key for key in params | current if params.get(key) != current.get(key))
        data, backbones = (
            {path: recorded for path, recorded in deps[name].items() if not path.startswith(PROJECT)}
            for name in ("download", "train")
        )
        changed_since += _changed_data(revision, data | backbones)
        if (backbone := params.get(BACKBONE, NO_BACKBONE)) != NO_BACKBONE:
            # A different file with the same name is a different value. DVC records an absolute path as a relative one.
            recorded = deps["train"].get(posixpath.normpath(backbone)) or next(iter(backbones.values()), "")
            params[BACKBONE] = f"{backbone}, MD5 {recorded[:7] or 'unknown'}"
        hashes = outputs[IMAGES], outputs[SPLIT]
        return Result(revision, params, changed_since, metrics, errors, contents[TEST_IMAGES], inputs, *hashes)
    except YAMLError:
        message = f"the result of {revision} cannot be read: {LOCK} or {PARAMS} is not valid YAML, as during a merge"
        raise UserError(message) from None
    except (UserError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = error if isinstance(error, UserError) else repr(error)
        raise UserError(f"the result of {revision} cannot be read: {reason}") from None


def _changed_data(revision: str, hashes: Mapping[str, str]) -> list[str]:
    """Return the user's dependencies whose hashes have changed: labels.csv, and what `dvc add` tracks."""
    changed = []
    for path, recorded in hashes.items():
        try:
            if path == LABELS:
                current = md5(read_file(revision, path))
            else:
                current = YAML(typ="safe").load(read_file(revision, f"{path}.dvc"))["outs"][0].get("md5", "")
        except UserError:  # not tracked
            continue
        if current not in (recorded, ""):  # "" stands for no hash, as with versioned cloud remotes
            changed.append(path)
    return changed


def _changed_code(revision: str) -> list[str]:
    """Return the paths of the measured stages' code that differs from what they ran."""
    check_paths(revision)
    with open_repo() as repo, nullcontext() if revision == WORKSPACE else repo.switch(find_commit(revision)):
        stages = [stage for stage in repo.index.stages if getattr(stage, "name", None) in MEASURED]
        code = [dep for stage in stages for dep in stage.deps if dep.def_path.startswith(CODE)]
        return sorted({dep.def_path for dep in code if dep.workspace_status()})


def check_paths(revision: str = WORKSPACE) -> None:
    """Raise UserError if a path in a revision's parameters is not a string, or empty; DVC would end in a traceback."""
    try:
        sections = YAML(typ="safe").load(read_file(revision, PARAMS))
    except YAMLError:  # which DVC reports
        return
    except ValueError as error:  # an impossible date
        raise UserError(f"{PARAMS} of {revision} cannot be read: {error}") from None
    for section, name in (FOLDER.split("."), BACKBONE.split(".")):
        values = sections.get(section) if isinstance(sections, dict) else None
        path = values.get(name, "none") if isinstance(values, dict) else "none"
        if not path or not isinstance(path, str):
            reason = f"is {path}, which is not text; put it in quotes" if path else "is empty"
            raise UserError(f"{PARAMS} of {revision}: {section}.{name} {reason}")


@contextmanager
def open_repo() -> Iterator[Repo]:
    """Open DVC's repository; raise UserError for what DVC reports."""
    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise UserError(str(error)) from None


def read_images(result: Result) -> np.ndarray:
    """Return the images of a result's errors, uint8 (E, C, H, W), in the order of errors.csv."""
    contents = read_file(result.name, IMAGES)
    try:
        _check_hash(IMAGES, contents, result.images_md5)
        return split_sprite_sheet(contents, len(result.errors))
    except UserError as error:
        raise UserError(f"the result of {result.name} cannot be read: {error}") from None


def read_seeds(revision: str) -> list[Result]:
    """Return the result of a revision, and others that differ from it only in train.seed; no two share a network.

    Search the experiments and the commits that they started from.
    """
    first = read_result(revision)
    found = [first]
    experiments = sorted(list_experiments(), key=lambda experiment: experiment.name)
    baselines = sorted({experiment.baseline for experiment in experiments})
    for name in (*(experiment.ref for experiment in experiments), *baselines):
        try:
            result = read_recorded(name)
        except UserError:
            continue  # without a result, or from an earlier layout of the project
        if setting_of(result) == setting_of(first) and not any(share_network(result, other) for other in found):
            found.append(result)
    return found


def share_network(one: Result, other: Result) -> bool:
    """Return whether two results, of ensembles or not, that differ only in their seeds share a network."""
    distance = abs(one.params.get(SEED, 0) - other.params.get(SEED, 0))
    return bool(one.split_md5 == other.split_md5 and distance < one.params.get(MEMBERS, 1))


def _check_metrics(metrics: dict[str, Any], listed: int) -> None:
    for key, value in metrics.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            raise UserError(f"the metric {key} is {value!r}, not a finite number")
    for required in (ACCURACY, ERROR_COUNT, IMAGE_COUNT):
        if required not in metrics:
            raise UserError(f"the metric {required} is missing")
    errors, images = metrics[ERROR_COUNT], metrics[IMAGE_COUNT]
    if errors != listed or not math.isclose(metrics[ACCURACY], 1 - errors / max(1, images)):
        raise UserError(
            f"errors.csv has {listed} rows, but metrics.json has {errors} errors in {images} images and an accuracy of"
            f" {metrics[ACCURACY]}"
        )


def setting_of(result: Result, seeds: Collection[str] = (SEED,)) -> tuple[Any, ...]:
    """Return what results must have in common to differ only in these seeds."""
    return {key: value for key, value in result.params.items() if key not in seeds}, result.inputs


def _check_hash(path: str, contents: bytes, recorded: str) -> None:
    if md5(contents) != recorded:
        raise UserError(f"{path} is not the file that dvc.lock records; {recreate(path.split('/')[1])}")


def _hashes(stage: dict[str, Any], kind: str) -> dict[str, str]:
    # DVC records paths as params.yaml spells them, such as photos/.
    return {posixpath.normpath(entry["path"]): entry.get("md5", "") for entry in stage.get(kind, [])}
