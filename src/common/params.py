"""What the sections of params.yaml have in common, and how the file is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from src.common.errors import UserError

PARAMS = Path("params.yaml")
Auto = Literal["auto"]  # for a value that a stage derives, mostly from the data


class Section(BaseModel):
    """One section of params.yaml: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


def parameter(default: Any, description: str, unit: str = "", **limits: Any) -> Any:
    """Declare a parameter of a section: its default, its documentation, and limits as pydantic's Field takes them.

    `make docs` writes them, with the type, to docs/parameters.md, and the documentation and limits to the comments in
    params.yaml.
    """
    return Field(default, description=description, json_schema_extra={"unit": unit}, **limits)


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
        raise UserError(f"{path} must hold keys and values, found {type(document).__name__}")
    return document


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by dotted name."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
