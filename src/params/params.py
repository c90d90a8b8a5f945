"""All parameters together: how params.yaml and recipes are read and checked."""

from collections.abc import Iterator
from pathlib import Path
from reprlib import Repr
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from src.common.errors import UserError
from src.common.params import PARAMS, Section, read_yaml
from src.common.text import count, listing
from src.download.params import DownloadParams
from src.evaluate.params import EvaluateParams
from src.network.params import NO_BACKBONE, ModelParams
from src.report.params import ReportParams
from src.split.params import SplitParams
from src.train.params import AugmentParams, TrainParams


class Params(BaseModel):
    """The contents of params.yaml, one field per section, in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    download: DownloadParams
    split: SplitParams
    model: ModelParams
    augment: AugmentParams
    train: TrainParams
    evaluate: EvaluateParams
    report: ReportParams

    @model_validator(mode="after")
    def _check_clean_epochs(self) -> "Params":
        clean, epochs = self.augment.clean_epochs, self.train.epochs
        if self.augment.enabled and isinstance(epochs, int) and clean >= epochs:
            raise ValueError(
                f"augment.clean_epochs = {clean}: must be less than train.epochs = {epochs}; otherwise, no epoch would"
                " be augmented"
            )
        return self

    @model_validator(mode="after")
    def _check_backbone(self) -> "Params":
        changes = {"augment": self.augment.enabled, "evaluate.shift": self.evaluate.shift > 0}
        used = " and ".join(name for name, is_used in changes.items() if is_used)
        if self.model.backbone != NO_BACKBONE and used:
            raise ValueError(f"{used}: cannot be used with model.backbone, whose features are computed once")
        return self


SECTIONS: dict[str, type[Section]] = get_type_hints(Params)


def read_params() -> Params:
    """Read and check params.yaml; raise UserError naming each invalid key.

    Every stage checks all sections, so that an error in `report` is reported before training. The sections that a stage
    does not use decide only whether it starts, not what it writes, so dvc.yaml does not list their code.
    """
    return check_params(read_yaml(PARAMS), PARAMS)


def check_params(document: dict[str, Any], path: Path) -> Params:
    """Check the parsed contents of a file. No key may be missing, so that the file shows what DVC tracks.

    Raise UserError naming the file, and each invalid key with its value and what is allowed.
    """
    errors = list(_find_missing(document))
    try:
        params = Params.model_validate(document)
    except ValidationError as error:
        # A value that is neither auto nor a number has two errors; the one about the number is more informative.
        errors += [
            _describe(details)
            for details in error.errors()
            if details["type"] != "missing" and details["loc"][-1:] != ("literal['auto']",)
        ]
    if errors:
        raise UserError(listing(f"{path} has {count('invalid parameter', len(errors))}:", errors))
    return params


def default_values() -> dict[str, dict[str, Any]]:
    """Return the contents of params.yaml with every parameter at its default."""
    return {section: model().model_dump() for section, model in SECTIONS.items()}


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe, a file with the parameters that differ from the defaults, and fill in the others.

    Raise UserError for invalid parameters or a download section.
    """
    recipe = read_yaml(path)
    if "download" in recipe:
        raise UserError(f"{path}: a recipe must not set the download section, which is the user's choice of data")
    return fill_in_defaults(recipe, path)


def fill_in_defaults(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return all parameters, with defaults for the missing ones; raise UserError if any of them is invalid.

    path: the file that the document comes from.
    """
    values: dict[str, Any] = default_values()
    for section, keys in document.items():
        values[section] = values.get(section, {}) | keys if isinstance(keys, dict) else keys
    check_params(values, path)
    return values


def _find_missing(document: dict[str, Any]) -> Iterator[str]:
    for section, model in SECTIONS.items():
        if section not in document:
            yield f"{section}: missing"
        elif isinstance(document[section], dict):
            yield from (f"{section}.{key}: missing" for key in model.model_fields if key not in document[section])


def _describe(details: Any) -> str:
    """Describe one of pydantic's errors."""
    section, *keys = details["loc"] or [""]
    message = details["msg"].removeprefix("Value error, ")
    # If the value may also be auto, pydantic appends the name of the type to the location.
    types = [key for key in keys[1:] if isinstance(key, str)]
    if types and keys[-1] == types[-1]:
        message += ", or auto"
    keys = [key for key in keys if key not in types]
    if not keys and details["type"] == "value_error":  # a check of several keys, which are in its message
        return str(message)
    if not keys and details["type"] == "extra_forbidden":
        return f"{section}: unknown section; known: {', '.join(SECTIONS)}"
    found = f"{'.'.join(map(str, [section, *keys]))} = {_shorten.repr(details['input'])}"
    if details["type"] == "model_type":
        return f"{found}: must hold the keys {', '.join(SECTIONS[section].model_fields)}"
    if details["type"] == "extra_forbidden":
        return f"{found}: unknown key; known: {', '.join(SECTIONS[section].model_fields)}"
    return f"{found}: {message}"


_shorten = Repr()  # aliases can make YAML huge
_shorten.maxlevel, _shorten.maxlist, _shorten.maxstring = 4, 20, 200
