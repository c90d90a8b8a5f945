"""Generate the parameter documentation from the models: the comments in params.yaml, and docs/parameters.md."""

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from src.params.params import SECTIONS

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
changes, and `export` when one outside the section `report` changes.
"""
READERS = {
    "model": "Read by `train`; `evaluate` and `export` read `backbone`.",
    "evaluate": "Read by `evaluate`, and by `export`, whose model includes the test-time augmentation.",
    "augment": "Read by `train`. Random changes to the training images, redrawn for every image in every epoch.",
}


def render_params(values: Mapping[str, Mapping[str, Any]]) -> str:
    """Render params.yaml with these values and the generated comments."""
    lines = [PARAMS_HEADER.rstrip()]
    for section, model in SECTIONS.items():
        lines += ["", f"{section}:"]
        for key, schema in model.model_json_schema()["properties"].items():
            lines += [*_comment_lines(schema), f"  {key}: {format_value(values[section][key])}"]
    return "\n".join([*lines, ""])


def render_reference() -> str:
    """Render docs/parameters.md."""
    lines = [REFERENCE_HEADER]
    for section, model in SECTIONS.items():
        lines += [f"## {section}", "", READERS.get(section, f"Read by `{section}`."), ""]
        lines += ["| parameter | type | range | unit | default | meaning |", "|---|---|---|---|---|---|"]
        for key, schema in model.model_json_schema()["properties"].items():
            default = f"`{format_value(schema['default'])}`"
            cells = [f"`{key}`", *_describe_type(schema), schema["unit"], default, schema["description"]]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def format_value(value: Any) -> str:
    """Format a value as YAML, of which JSON is a subset; words need no quotes."""
    is_word = isinstance(value, str) and value.isidentifier() and value.lower() not in ("true", "false", "null")
    return value if is_word else json.dumps(value, ensure_ascii=False)


def _comment_lines(schema: Mapping[str, Any]) -> list[str]:
    """Build the comment above a key in params.yaml from its JSON schema."""
    name, allowed = _describe_type(schema)
    if name.startswith("auto or list"):
        allowed = f"{name}, {allowed}"
    elif name.startswith("auto or "):
        allowed = f"auto{',' if ' or ' in allowed else ' or'} {allowed}"
    details = ", ".join(filter(None, (schema["unit"], allowed)))
    text = f"{schema['description']} [{details}]" if details else schema["description"]
    return textwrap.wrap(text, COMMENT_WIDTH, initial_indent="  # ", subsequent_indent="  # ")


def _describe_type(schema: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a JSON schema's type, and the values that it allows."""
    if "anyOf" in schema:  # auto, or a value
        name, allowed = _describe_type(schema["anyOf"][1])
        return f"auto or {name}", allowed
    kind: str = schema["type"]
    if kind == "array":
        item_type, allowed = _describe_type(schema["items"])
        plural = item_type.replace("list", "lists", 1) if item_type.startswith("list") else f"{item_type}s"
        return f"list of {plural}", allowed and f"{allowed.removesuffix(' each')} each"
    if "enum" in schema:
        *others, last = schema["enum"]
        return kind, f"{', '.join(map(str, others))} or {last}"
    if kind == "boolean":
        return kind, "true or false"
    return kind, _describe_range(schema)


def _describe_range(schema: Mapping[str, Any]) -> str:
    """Describe the range of a number, as in `0 to 1`, `0 to below 1`, `above 0` or `at least 1`."""
    low, above, high, below = map(schema.get, ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"))
    if schema["type"] == "integer" and below is not None:
        high, below = below - 1, None
    start = f"above {above:g}" if above is not None else f"{low:,g}" if low is not None else ""
    end = f"below {below:g}" if below is not None else f"{high:,}" if high is not None else ""
    if start and end:
        return f"{start} {'and' if above is not None else 'to'} {end}"
    return start if above is not None or not start else f"at least {start}"
