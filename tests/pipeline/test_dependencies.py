"""What dvc.yaml says about each stage is what the stage imports, reads and writes."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update
from ruamel.yaml import YAML

from src.params.params import SECTIONS
from tests.helpers import ROOT, STAGES, run

PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")


def imported_names(path: Path) -> Iterator[str]:
    """The dotted names that a file imports anywhere, inside functions too; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import, which this test does not follow"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def run_on_import(name: str) -> Iterator[Path]:
    """The files of this project that importing a dotted name runs: importing a.b runs a/__init__.py, too."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        module = ROOT.joinpath(*parts[:length])
        yield from (path for path in (module / "__init__.py", module.with_suffix(".py")) if path.is_file())


def imported_files(name: str) -> set[Path]:
    """The files of this project that importing a dotted name runs, directly or indirectly.

    src/params is left out: there, stages validate all sections, which only decides whether they start.
    """
    found: set[Path] = set()
    waiting = [*run_on_import(name)]
    while waiting:
        path = waiting.pop()
        if path not in found and not path.is_relative_to(ROOT / "src/params"):
            found.add(path)
            waiting += [file for imported in imported_names(path) for file in run_on_import(imported)]
    return found


def stage_files(stage: str) -> set[Path]:
    """The files that running a stage imports."""
    return imported_files("stages.__main__") | imported_files(f"stages.{stage}")


def named_templates(files: set[Path]) -> set[Path]:
    """The templates that files name, and those that these extend; base.html is shared from src/report."""
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        for name in re.findall(r'"([a-z_]+\.(?:html|md))"', path.read_text()):
            candidates = {folder / name for folder in (path.parent, ROOT / "src/report")} - found
            templates = {template for template in candidates if template.is_file()}  # others are outputs
            found |= templates
            waiting += templates
    return found


def covers(dep: str, path: Path) -> bool:
    return path.is_relative_to(ROOT / dep)


def paths(entries: list[Any]) -> set[str]:
    """The paths of outs, metrics or plots, which are strings or mappings with one key."""
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def code_deps(stage: str) -> list[str]:
    """The deps other than artifacts and what users bring."""
    data = ("data/", "${download.folder}", "${model.backbone}", "labels.csv")
    return [dep for dep in PIPELINE["stages"][stage]["deps"] if not dep.startswith(data)]


def test_imports_are_followed() -> None:
    """Check the functions above on cases whose answer is known; without it, the tests below could pass on nothing."""
    train = {path.relative_to(ROOT).as_posix() for path in stage_files("train")}
    assert {f"{name}.py" for name in ("stages/__init__", "stages/__main__", "stages/train", "src/__init__")} <= train
    assert {"src/train/__init__.py", "src/network/convnet.py", "src/train/epoch.py", "src/common/cli.py"} <= train
    assert ROOT / "src/download/idx_folder.py" in stage_files("download")  # imported inside a function
    report = {path.name for path in named_templates(stage_files("report"))}
    assert report == {"report.html", "base.html"}


@pytest.mark.parametrize("stage", STAGES)
def test_everything_a_stage_imports_lies_under_its_deps(stage: str) -> None:
    files = stage_files(stage)
    files |= named_templates(files)
    deps = code_deps(stage)
    uncovered = {path.relative_to(ROOT).as_posix() for path in files if not any(covers(dep, path) for dep in deps)}
    assert uncovered == set()


@pytest.mark.parametrize("stage", STAGES)
def test_every_dep_is_imported(stage: str) -> None:
    files = stage_files(stage)
    superfluous = [dep for dep in code_deps(stage) if not any(covers(dep, path) for path in files)]
    assert superfluous == []


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_files_or_whole_packages_that_do_not_overlap(stage: str) -> None:
    deps = code_deps(stage)
    assert [dep for dep in deps if not ((ROOT / dep).is_file() or (ROOT / dep / "__init__.py").is_file())] == []
    assert not [(one, other) for one in deps for other in deps if one != other and covers(one, ROOT / other)]


@pytest.mark.parametrize("stage", STAGES)
def test_command_parameters_and_data_files_are_those_of_the_script(stage: str) -> None:
    entry = PIPELINE["stages"][stage]
    assert entry["cmd"] == f"python -m stages {stage}"
    assert entry["desc"]
    source = (ROOT / f"stages/{stage}.py").read_text()
    sections = list(dict.fromkeys(re.findall(rf"\b(?:read_params\(\)|params)\.({'|'.join(SECTIONS)})\b", source)))
    listed = [name.partition(".")[0] for name in entry["params"]]
    assert listed[: len(sections)] == sections
    shown = set(SECTIONS) - ({"report"} if stage == "export" else set())
    assert set(listed) == (shown if "read_yaml(PARAMS)" in source else set(sections))
    assert len(listed) == len(set(listed))

    files = {dep for dep in entry["deps"] if dep.startswith("data/")}
    files |= {path for kind in ("outs", "metrics", "plots") for path in paths(entry.get(kind, []))}
    if stage == "report":  # the script names only the folder
        files = {"data/report" if file.startswith("data/report/") else file for file in files}
    constants = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert files == {value for value in constants if isinstance(value, str) and value.startswith("data/")}


def test_dvc_yaml_is_formatted_as_dvc_writes_it() -> None:
    """Otherwise, `dvc freeze` and `dvc stage add` change every line."""
    text = (ROOT / "dvc.yaml").read_text()
    assert dumps_yaml(parse_yaml_for_update(text, "dvc.yaml")) == text


def test_the_report_folder_holds_exactly_what_dvc_yaml_lists(reproduced: Path) -> None:
    entry = PIPELINE["stages"]["report"]
    written = {f"data/report/{path.name}" for path in (reproduced / "data/report").iterdir()}
    assert written - {"data/report/.gitignore"} == paths(entry["outs"]) | paths(entry["plots"])


def test_only_evaluate_and_export_read_the_test_set() -> None:
    readers = [name for name, entry in PIPELINE["stages"].items() if "data/download/test.npz" in entry["deps"]]
    assert readers == ["evaluate", "export"]
    sources = [path for folder in ("src", "stages", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    naming = {path.relative_to(ROOT).as_posix() for path in sources if "test.npz" in path.read_text()}
    assert naming == {"stages/download.py", "stages/evaluate.py", "stages/export.py"}


def test_src_imports_neither_stages_nor_tools_nor_benchmarks() -> None:
    imports = {(path, name.split(".")[0]) for path in (ROOT / "src").rglob("*.py") for name in imported_names(path)}
    assert not [(path, name) for path, name in imports if name in ("stages", "tools", "benchmarks", "tests")]


def test_the_packages_of_src_import_each_other_without_a_cycle() -> None:
    packages = [path.parent for path in (ROOT / "src").glob("*/__init__.py")]
    assert {"common", "network", *STAGES} - {path.name for path in packages} == set()
    graph: dict[str, set[str]] = {}
    for package in packages:
        names = {
            name.split(".")[1] for path in package.rglob("*.py") for name in imported_names(path) if "src." in name
        }
        graph[package.name] = names - {package.name}
    assert set().union(*graph.values()) <= graph.keys()
    assert "common" in graph["train"]
    assert graph["common"] == set()
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def changed_stages(project: Path) -> list[str]:
    """The stages that `dvc status` calls changed."""
    status = run("dvc", "status", cwd=project)
    return re.findall(r"^(\w+):$", status, re.MULTILINE)


def test_caches_and_editor_files_do_not_change_a_stage(project: Path) -> None:
    for name in (
        "src/train/__pycache__/new.cpython-311.pyc",
        "src/train/.epoch.py.swp",
        "src/train/.#epoch.py",
        "src/train/epoch.py~",
        "src/train/.ipynb_checkpoints/epoch-checkpoint.py",
        "src/train/.DS_Store",
    ):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("left over")
    assert run("dvc", "status", cwd=project).strip() == "Data and pipelines are up to date."


def test_a_new_module_changes_only_the_stage_of_its_package(project: Path) -> None:
    (project / "src/train/new_module.py").write_text("")
    assert changed_stages(project) == ["train"]
    assert "src/train" in run("dvc", "status", cwd=project)


def test_a_template_changes_only_the_report(project: Path) -> None:
    template = project / "src/report/report.html"
    template.write_text(template.read_text().replace("Recall per class", "Recall of each class"))
    assert changed_stages(project) == ["report"]
