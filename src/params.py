"""params.yaml in, checked sections out; every wrong key is named in one message."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

PARAMS = Path("params.yaml")
SECTIONS = {"download", "split", "model", "augment", "train", "evaluate", "report"}


class Section(BaseModel):
    """One section of params.yaml: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Sections(BaseModel):
    """The sections that one stage reads, as fields; it ignores the other stages' sections."""

    model_config = ConfigDict(frozen=True)


S = TypeVar("S", bound=Sections)


def read_params(sections: type[S], path: Path = PARAMS) -> S:
    """Read and check a stage's sections; ValueError names each wrong key, its value and what is allowed."""
    document = read_yaml(path)
    wrong = [f"{key}: not a section; known: {_listed(SECTIONS)}" for key in document if key not in SECTIONS]
    try:
        params = sections.model_validate(document)
    except ValidationError as error:
        wrong += [_describe(problem, sections) for problem in error.errors()]
    if wrong:
        raise ValueError("\n  ".join([f"{path} has {len(wrong)} wrong key{'s'[: len(wrong) > 1]}:", *wrong]))
    return params


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping, read as YAML 1.2, as DVC reads it: 1e-05 is a number and `no` a word, unlike in YAML 1.1."""
    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: run from the project's root, or copy one from recipes/") from None
    except (YAMLError, ValueError) as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path} must hold sections ({_listed(SECTIONS)}), found {type(document).__name__}")
    return document


def _describe(problem: Any, sections: type[Sections]) -> str:
    if not problem["loc"]:  # of several sections together
        return str(problem["msg"].removeprefix("Value error, "))
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{key}: missing"
    section = sections.model_fields[problem["loc"][0]].annotation
    assert section is not None
    if problem["type"] == "model_type":
        return f"{key} = {problem['input']!r}: must hold the keys {_listed(section.model_fields)}"
    if problem["type"] == "extra_forbidden":
        return f"{key} = {problem['input']!r}: unknown key; known: {_listed(section.model_fields)}"
    return f"{key} = {problem['input']!r}: {problem['msg'].removeprefix('Value error, ')}"


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
