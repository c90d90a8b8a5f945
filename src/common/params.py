"""Read params.yaml into typed sections; report all invalid parameters in one message."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from src.common.errors import UserError

PARAMS = Path("params.yaml")
SECTIONS = ("download", "split", "model", "augment", "train", "evaluate", "report")


@dataclass(frozen=True)
class Parameter:
    """The default and the documentation of one parameter, kept next to its type in `Annotated[...]`.

    `make docs` writes them, with the type and range, to docs/parameters.md and to the comments in params.yaml. The
    default is not filled in for a missing key: params.yaml always holds every parameter, so that DVC can track it.
    """

    default: Any
    description: str
    unit: str = ""


class Section(BaseModel):
    """One section of params.yaml: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class StageParams(BaseModel):
    """The sections that one stage reads, one field each; the other stages' sections are ignored."""

    model_config = ConfigDict(frozen=True)


S = TypeVar("S", bound=StageParams)


def validate_params(stage_params: type[S], document: dict[str, Any], source: Path) -> S:
    """Validate the parsed contents of params.yaml, and return a stage's sections.

    Raise UserError naming the source, and each invalid key with its value and what is allowed.
    """
    errors = [f"{key}: unknown section; known: {_join(SECTIONS)}" for key in document if key not in SECTIONS]
    try:
        params = stage_params.model_validate(document)
    except ValidationError as error:
        errors += [_describe(details, stage_params) for details in error.errors()]
    if errors:
        raise UserError(
            "\n  ".join([f"{source} has {len(errors)} invalid parameter{'s'[: len(errors) > 1]}:", *errors])
        )
    return params


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping as YAML 1.2, the version DVC reads: 1e-05 is a number and `no` a string, unlike in YAML 1.1."""
    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        create = ", or create it with `make recipe RECIPE=default`" if path.name == PARAMS.name else ""
        raise UserError(f"{path} is missing; run from the project's root folder{create}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise UserError(f"{path} must hold sections ({_join(SECTIONS)}), found {type(document).__name__}")
    return document


def _describe(details: Any, stage_params: type[StageParams]) -> str:
    if not details["loc"]:  # a check across sections
        return str(details["msg"].removeprefix("Value error, "))
    key = ".".join(str(part) for part in details["loc"])
    if details["type"] == "missing":
        return f"{key}: missing"
    section = stage_params.model_fields[details["loc"][0]].annotation
    assert section is not None
    if details["type"] == "model_type":
        return f"{key} = {details['input']!r}: must hold the keys {_join(section.model_fields)}"
    if details["type"] == "extra_forbidden":
        return f"{key} = {details['input']!r}: unknown key; known: {_join(section.model_fields)}"
    return f"{key} = {details['input']!r}: {details['msg'].removeprefix('Value error, ')}"


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)
