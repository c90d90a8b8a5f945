"""Generate the parameter documentation from the models: the comments in params.yaml, and docs/parameters.md."""

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from src.common.params import SECTIONS
from src.settings.all_params import AllParams, list_parameters

COMMENT_WIDTH = 118  # characters
PARAMS_HEADER = """\
# All parameters of the pipeline. A stage runs again when one of the sections that it depends on changes.
# The comments are generated from src/*/params.py by `make docs`; the values are yours to edit.
"""
REFERENCE_HEADER = """\
# Parameters

For anyone who edits `params.yaml` or overrides a value with `dvc exp run -S section.key=value`. This page is
generated from `src/*/params.py` by `make docs`.

Every key must be present and of the stated type. Before a stage does anything, it checks all sections and reports all
invalid parameters at once. The report and the model card also show parameters: `report` runs again when any of them
changes, and `export` when any outside the section `report` does.
"""
READERS = {
    "model": "Read by `train`.",
    "evaluate": "Read by `evaluate`, and by `export`, whose model includes the test-time augmentation.",
    "augment": "Read by `train`. Random changes to the training images, redrawn for every image in every epoch.",
}


def render_params(values: Mapping[str, Mapping[str, Any]]) -> str:
    """Render params.yaml with these values and the generated comments."""
    lines = [PARAMS_HEADER.rstrip()]
    for section, key, parameter in list_parameters():
        if f"{section}:" not in lines:
            lines += ["", f"{section}:"]
        lines += [*comment_lines(section, key, parameter.description, parameter.unit)]
        lines.append(f"  {key}: {format_value(values[section][key])}")
    return "\n".join([*lines, ""])


def comment_lines(section: str, key: str, description: str, unit: str) -> list[str]:
    """Build the comment above a key in params.yaml."""
    _, allowed = _describe_type(_schema(section, key))
    details = ", ".join(filter(None, (unit, allowed)))
    text = f"{description} [{details}]" if details else description
    return textwrap.wrap(text, COMMENT_WIDTH, initial_indent="  # ", subsequent_indent="  # ")


def render_reference() -> str:
    """Render docs/parameters.md."""
    lines = [REFERENCE_HEADER]
    for section in SECTIONS:
        lines += [f"## {section}", "", READERS.get(section, f"Read by `{section}`."), ""]
        lines += ["| parameter | type | range | unit | default | meaning |", "|---|---|---|---|---|---|"]
        for name, key, parameter in list_parameters():
            if name == section:
                type_name, allowed = _describe_type(_schema(section, key))
                default = f"`{format_value(parameter.default)}`"
                cells = [f"`{key}`", type_name, allowed, parameter.unit, default, parameter.description]
                lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def format_value(value: Any) -> str:
    """Format a value as YAML, of which JSON is a subset; words need no quotes."""
    is_word = isinstance(value, str) and value.isidentifier() and value.lower() not in ("true", "false", "null")
    return value if is_word else json.dumps(value, ensure_ascii=False)


def _schema(section: str, key: str) -> dict[str, Any]:
    model = AllParams.model_fields[section].annotation
    assert model is not None
    schema: dict[str, Any] = model.model_json_schema()["properties"][key]
    return schema


def _describe_type(schema: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a JSON schema's type, and the values that it allows."""
    if schema["type"] == "array":
        item_type, allowed = _describe_type(schema["items"])
        plural = item_type.replace("list", "lists", 1) if item_type.startswith("list") else f"{item_type}s"
        return f"list of {plural}", allowed and f"each {allowed.removeprefix('each ')}"
    if "enum" in schema:
        *others, last = schema["enum"]
        return schema["type"], f"{', '.join(map(str, others))} or {last}"
    if schema["type"] == "boolean":
        return "boolean", "true or false"
    step = 1 if schema["type"] == "integer" else 0
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if step and above is not None:
        low, above = above + step, None
    if step and below is not None:
        high, below = below - step, None
    start = f"{low:,g}" if low is not None else f"above {above:g}" if above is not None else ""
    end = f"{high:,}" if high is not None else f"below {below:g}" if below is not None else ""
    separator = " and " if above is not None else " to "
    allowed = f"{start}{separator}{end}" if start and end else f"at least {start}" if low is not None else start
    return schema["type"], allowed
