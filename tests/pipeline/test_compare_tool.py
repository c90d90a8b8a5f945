"""tools.compare as people and continuous integration call it, on small Git repositories of results."""

import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from src.common.sprites import make_sprite_sheet
from src.compare.git import find_commit
from tests.helpers import ROOT, commit, run
from tools.compare import main

MODEL, SPLIT = "data/train/model.safetensors", "data/split/indices.npz"
EVALUATED = [f"data/evaluate/{name}" for name in ("metrics.json", "errors.csv", "errors.png", "test_set.csv")]
METRICS, ERRORS, IMAGES, TEST_SET = EVALUATED
Compare = Callable[..., tuple[int, str]]


def write_result(
    project: Path,
    errors: range,
    changed: Mapping[str, str] | None = None,
    columns: int = 10,
    first_image: int = 0,
    **params: Any,
) -> None:
    """Write results on 1,000 test images as the pipeline leaves them in Git; report and export are of another run.

    changed: the hashes of dependencies that are not "a"; columns: of the report; first_image: the number that stands
    for the digest of the first image; params: of the training.
    """
    for folder in ("train", "evaluate"):
        (project / "data" / folder).mkdir(parents=True, exist_ok=True)
    values = {"accuracy": 1 - len(errors) / 1000, "errors": len(errors), "images": 1000, "recall": {"4": 0.9}}
    (project / METRICS).write_text(json.dumps({"test": values}))
    (project / "data/train/metrics.json").write_text(json.dumps({"validation": {"accuracy": 0.9}}))
    rows = "".join(f"{index},4,9,0.9,2.0,9: 90%\n" for index in errors)
    (project / ERRORS).write_text(f"index,actual,predicted,confidence,loss,likeliest\n{rows}")
    images = "".join(f"{number},4\n" for number in range(first_image, first_image + 1000))
    (project / TEST_SET).write_text(f"digest,label\n{images}")
    (project / IMAGES).write_bytes(make_sprite_sheet(np.zeros((len(errors), 1, 5, 5), np.uint8)))

    def make_stage(deps: list[str], **sections: Any) -> dict[str, Any]:
        hashes = [{"path": path, "md5": (changed or {}).get(path, "a")} for path in deps]
        return {"deps": hashes, "params": {"params.yaml": sections}}

    train, report = {"seed": 0} | params, {"columns": columns}
    other_run = dict.fromkeys(train, 99)
    stages = {
        "download": make_stage(["src/download"]),
        "split": make_stage(["src/split", "data/download/train.npz"]),
        "train": make_stage(["src/train", "data/download/train.npz", SPLIT], train=train),
        "evaluate": make_stage(["src/evaluate", "data/download/test.npz", MODEL]),
        "report": make_stage(["src/report"], report=report, train=other_run),
        "export": make_stage(["src/export"], train=other_run),
    }
    for stage, output in (("split", SPLIT), ("train", MODEL)):
        stages[stage]["outs"] = [{"path": output, "md5": "a"}]
    YAML().dump({"schema": "2.0", "stages": stages}, project / "dvc.lock")
    YAML().dump({"train": train, "report": report}, project / "params.yaml")
    record_hashes(project)


def record_hashes(project: Path) -> None:
    """Write the hashes of the outputs to dvc.lock, as DVC does after a run."""
    lock = YAML(typ="safe").load(project / "dvc.lock")
    for stage, paths in {"train": ["data/train/metrics.json"], "evaluate": EVALUATED}.items():
        others = [out for out in lock["stages"][stage].get("outs", []) if out["path"] not in paths]
        outs = [{"path": path, "md5": hashlib.md5((project / path).read_bytes()).hexdigest()} for path in paths]
        lock["stages"][stage]["outs"] = others + outs
    YAML().dump(lock, project / "dvc.lock")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose tag base has 30 errors; the uncommitted workspace fixes 20 of them and breaks 5 images."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    (project / ".dvc").mkdir()
    (project / ".dvc/config").touch()
    write_result(project, range(30))
    commit(project)
    run("git", "tag", "base", cwd=project)
    write_result(project, range(20, 35), dropout=0.3)
    return project


@pytest.fixture
def compare(call: Compare) -> Compare:
    """Return a function that calls tools.compare in this process, and returns its exit code and its output."""

    def compare(*arguments: str) -> tuple[int, str]:
        find_commit.cache_clear()
        return call(main, *arguments)

    return compare


def test_conflict_markers_are_named(repository: Path, compare: Compare) -> None:
    lock = repository / "dvc.lock"
    lock.write_text(f"<<<<<<< HEAD\n{lock.read_text()}")
    message = "the result of workspace cannot be read: dvc.lock or params.yaml is not valid YAML, as during a merge"
    code, output = compare("base")
    assert (code, message in output) == (1, True)


def test_a_name_with_two_meanings_is_an_error(repository: Path, compare: Compare) -> None:
    head = run("git", "rev-parse", "HEAD", cwd=repository).strip()
    run("git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/base", "base", cwd=repository)
    assert compare("base")[0] == 0  # the same commit
    commit(repository)
    run("git", "branch", "main2", cwd=repository)
    run("git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/main2", head, cwd=repository)
    code, output = compare("main2")
    assert code == 2
    assert (
        f"main2 names both an experiment and another Git revision; use refs/exps/{head[:2]}/{head[2:]}/main2" in output
    )
    assert compare("base", "refs/heads/main2")[0] == 0


def test_the_workspace_is_compared_with_a_revision(repository: Path) -> None:
    text = run(sys.executable, "-m", "tools.compare", "base", cwd=repository, PYTHONPATH=str(ROOT))
    assert "## workspace against base: better" in text
    assert "20 fixed, 5 broken: p = 0.0041" in text
    assert "| train.dropout | none | 0.3 |" in text


def test_json_and_page(repository: Path, compare: Compare) -> None:
    code, text = compare("base", "--json", "--html", "page.html", "--alpha", "0.001")
    comparison = json.loads(text)
    assert code == 0
    assert comparison["verdict"] == "no evidence either way"
    assert (len(comparison["fixed"]), comparison["broken"]) == (20, [30, 31, 32, 33, 34])
    assert comparison["params"] == {"train.dropout": {"base": None, "other": 0.3}}
    assert "data:image/png" in (repository / "page.html").read_text()


def test_gate(repository: Path, compare: Compare) -> None:
    assert compare("base", "--gate")[0] == 0
    assert compare("workspace", "base")[0] == 0
    code, text = compare("workspace", "base", "--gate")
    assert code == 1
    assert "gate failed: base is significantly worse than workspace" in text
    code, text = compare("base", "--gate", "--min-accuracy", "0.99")
    assert code == 1
    assert "accuracy 0.9850 is below 0.99" in text
    metrics = {"accuracy": 0.985, "errors": 15, "images": 1000}
    (repository / METRICS).write_text(json.dumps({"test": metrics}))
    record_hashes(repository)
    code, text = compare("base", "--gate")
    assert code == 1
    assert "workspace lacks the metric test.recall.4" in text
    for refit, gate in ((True, ""), (False, "workspace lacks the metric validation.accuracy")):
        write_result(repository, range(15), refit=refit)
        (repository / "data/train/metrics.json").write_text("{}")
        record_hashes(repository)
        code, text = compare("base", "--gate")
        assert code == bool(gate)
        assert gate in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"accuracy": math.nan}, "the metric test.accuracy is nan, not a finite number"),
        ({"accuracy": 2}, "and an accuracy of 2"),
        ({"accuracy": True}, "the metric test.accuracy is True, not a finite number"),
        ({"images": 0}, "has 15 errors in 0 images"),
        ({"errors": 3}, "errors.csv has 15 rows, but metrics.json has 3 errors in 1000 images"),
        ({"errors": 3, "accuracy": 0.997}, "errors.csv has 15 rows, but metrics.json has 3 errors in 1000 images"),
    ],
)
def test_impossible_metrics_do_not_pass(
    repository: Path, compare: Compare, change: dict[str, Any], reason: str
) -> None:
    metrics = json.loads((repository / METRICS).read_text())["test"]
    (repository / METRICS).write_text(json.dumps({"test": metrics | change}))
    record_hashes(repository)
    code, text = compare("base", "--gate")
    assert code == 1
    assert "the result of workspace cannot be read: " in text
    assert reason in text
    del metrics["accuracy"]
    (repository / METRICS).write_text(json.dumps({"test": metrics}))
    record_hashes(repository)
    assert "the metric test.accuracy is missing" in compare("base")[1]


@pytest.mark.parametrize("file", [METRICS, ERRORS, IMAGES, "data/train/metrics.json"])
def test_a_file_edited_after_the_run_is_rejected(repository: Path, compare: Compare, file: str) -> None:
    contents = (repository / file).read_bytes()
    (repository / file).write_bytes(contents[: len(contents) // 2])
    code, text = compare("base", "--html", "page.html", "--gate")
    assert code == 1
    stage = file.split("/")[1]
    reason = f"{file} is not the file that dvc.lock records; run `dvc repro {stage}` to recreate it"
    assert f"the result of workspace cannot be read: {reason}" in text


def test_parameters_that_were_edited_but_not_run_are_named(repository: Path, compare: Compare) -> None:
    note = "workspace has changed since its run: train.dropout, train.epochs."
    assert note not in compare("base")[1]
    changed = {"train": {"seed": 0, "dropout": 0.5, "epochs": 3}, "report": {"columns": 20}}
    YAML().dump(changed, repository / "params.yaml")
    code, text = compare("base")
    assert code == 0
    assert note in text
    assert "| train.dropout | none | 0.3 |" in text  # that of the run
    changed_since = json.loads(compare("base", "--json")[1])["changed_since"]
    assert changed_since == {"base": [], "other": ["train.dropout", "train.epochs"]}


def test_data_that_was_changed_but_not_run_is_named(repository: Path, compare: Compare) -> None:
    for name, contents in (("labels.csv", "file,digest\n"), ("photos.dvc", "outs:\n- md5: a.dir\n  path: photos\n")):
        (repository / name).write_text(contents)
    lock = YAML(typ="safe").load(repository / "dvc.lock")
    labels = {"path": "labels.csv", "md5": hashlib.md5(b"file,digest\n").hexdigest()}
    lock["stages"]["download"]["deps"] += [labels, {"path": "photos/", "md5": "a.dir"}]
    YAML().dump(lock, repository / "dvc.lock")
    assert "since its run" not in compare("base")[1]
    (repository / "labels.csv").write_text("file,digest\nphotos/1.png,\n")
    (repository / "photos.dvc").write_text("outs:\n- md5: b.dir\n  path: photos\n")
    assert "workspace has changed since its run: labels.csv, photos." in compare("base")[1]


@pytest.mark.parametrize(
    ("value", "recorded"),
    [("lite", "lite"), ("lite/", "lite/"), ("./lite", "./lite"), ("/project/lite", "lite"), ("src/lite", "src/lite")],
)
def test_another_file_of_the_same_name_is_another_backbone(
    repository: Path, compare: Compare, value: str, recorded: str
) -> None:
    def write(md5: str, errors: range) -> None:
        write_result(repository, errors)
        lock = YAML(typ="safe").load(repository / "dvc.lock")
        train = lock["stages"]["train"]
        train["deps"].append({"path": recorded, "md5": md5})
        train["params"]["params.yaml"]["model"] = {"backbone": value}
        YAML().dump(lock, repository / "dvc.lock")
        YAML().dump({"train": {"seed": 0}, "model": {"backbone": value}}, repository / "params.yaml")

    write("0123456789", range(30))
    commit(repository)
    write("abcdef0123", range(20))
    text = compare("HEAD")[1]
    assert f"| model.backbone | {value}, MD5 0123456 | {value}, MD5 abcdef0 |" in text
    assert "since its run" not in text


def test_wrong_usage_has_exit_code_2(
    repository: Path, compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nothing", "HEAD..HEAD"):
        code, text = compare(name)
        assert code == 2
        assert text.startswith(f"compare: {name}: no such revision or experiment here; see `git branch -a`")
    assert compare("base", "--alpha", "7")[0] == 2
    assert compare("base", "--min-accuracy", "0.9")[0] == 2
    assert compare("base", "--seeds", "--html", "page.html")[0] == 2
    commit(repository)
    run("git", "clone", "--quiet", "--depth=1", repository.as_uri(), str(tmp_path / "shallow"), cwd=tmp_path)
    monkeypatch.chdir(tmp_path / "shallow")
    code, text = compare("base")
    assert code == 2
    assert "this clone is shallow: run `git fetch --unshallow`" in text


def test_results_that_cannot_be_compared_have_exit_code_1(repository: Path, compare: Compare) -> None:
    write_result(repository, range(3), first_image=1000)
    code, text = compare("base", "--gate")
    assert code == 1
    assert "base and workspace have no test image in common" in text
    write_result(repository, range(3), {MODEL: "b"})
    code, text = compare("base")
    assert code == 1
    assert (
        f"the result of workspace cannot be read: {MODEL} has changed since the stage evaluate was run; run `dvc repro`"
        in text
    )
    lock = (repository / "dvc.lock").read_text()
    (repository / "dvc.lock").write_text(f"<<<<<<< HEAD\n{lock}")
    code, text = compare("base")
    assert code == 1
    assert "the result of workspace cannot be read: " in text
    (repository / "dvc.lock").write_text(lock)
    (repository / "data/evaluate/errors.csv").unlink()
    code, text = compare("base")
    assert code == 1
    assert "workspace has no data/evaluate/errors.csv; run `dvc repro` there" in text


def test_test_sets_that_overlap_are_compared_and_gated(repository: Path, compare: Compare) -> None:
    write_result(repository, range(3), first_image=20)  # its errors are images that the base gets wrong, too
    code, text = compare("base", "--gate", "--html", "page.html")
    assert code == 0
    assert (
        "The test sets differ: 20 images added, 20 removed, 0 relabelled. The comparison covers the 980 images" in text
    )
    assert "7 fixed, 0 broken" in text
    assert "20 images added, 20 removed" in (repository / "page.html").read_text()
    write_result(repository, range(30, 60), first_image=20)
    code, text = compare("base", "--gate")
    assert code == 1
    assert "gate failed: workspace is significantly worse than base" in text


def test_experiments_and_seeds(repository: Path, compare: Compare) -> None:
    baseline = run("git", "rev-parse", "HEAD", cwd=repository).strip()

    def experiment(name: str, errors: range, changed: Mapping[str, str] | None = None, **params: Any) -> None:
        write_result(repository, errors, changed, **params)
        run("git", "add", "--all", cwd=repository)
        run("git", "commit", "--quiet", "--allow-empty", "--message", name, cwd=repository)
        run("git", "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/{name}", "HEAD", cwd=repository)

    run("git", "update-ref", "refs/exps/celery/stash", "HEAD", cwd=repository)  # where DVC keeps its queue
    experiment("plain-1", range(31), {"src/report": "b"}, seed=1)
    experiment("plain-2", range(32), columns=20, seed=2)
    for seed in (0, 1, 2):
        experiment(f"better-{seed}", range(10 + seed), seed=seed, dropout=0.3)
    for seed in (0, 1, 2):
        experiment(f"pair-{seed}", range(seed), seed=seed, members=2)
    experiment("other", range(3), seed=9, dropout=0.7)
    for number, path in enumerate(
        ["src/download", "src/split", "src/train", "src/evaluate", "data/download/train.npz"]
    ):
        experiment(f"plain-of-other-inputs-{number}", range(3), {path: "b"}, seed=7)
    assert "## better-2 against plain-1: better" in compare("plain-1", "better-2")[1]
    code, text = compare("plain-1", "better-1", "--seeds", "--gate")
    assert code == 0
    assert "## better-1 against plain-1, over seeds: better" in text
    assert "| plain-1 | 3 | 96.900% | 0.100 |" in text  # the third is the commit that they started from
    assert "Difference in mean test accuracy: +2.000 percentage points" in text
    assert "| pair-0 | 2 |" in compare("plain-1", "pair-0", "--seeds")[1]  # pair-1 shares its networks
    assert compare("better-0", "base", "--seeds", "--gate")[0] == 1
    run("git", "checkout", "--quiet", "-B", "main", baseline, cwd=repository)
    write_result(repository, range(4))
    commit(repository)
    second = run("git", "rev-parse", "HEAD", cwd=repository).strip()
    run("git", "update-ref", f"refs/exps/{second[:2]}/{second[2:]}/better-1", "HEAD", cwd=repository)
    assert "26 fixed, 0 broken" in compare("base", "better-1")[1]  # of two with this name, the one from HEAD
    commit(repository, "--allow-empty")
    code, text = compare("base", "better-1")
    assert code == 2
    assert "several experiments have this name" in text
    code, text = compare("base", "other", "--seeds")
    assert code == 1
    assert "found 3 and 1 results that differ only in train.seed" in text
