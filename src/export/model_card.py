"""The model card, in the form that model hubs read: a YAML header, then Markdown."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from ruamel.yaml import YAML

from src.common.artifacts import Environment, Metrics, Prediction
from src.common.metrics import recall_per_class, wilson_interval
from src.common.text import count, dataset_name, markdown_table
from src.export.classifier import Description
from src.export.loader import LOADERS, loader_code
from src.export.onnx_model import SAMPLE, TOLERANCE

TEMPLATE = Path(__file__).parent / "model.md"


class Facts(NamedTuple):
    """The artifacts that the card is rendered from; params is params.yaml, backbone_origin a URL or path, if known.

    changed_test_labels: the number of test pictures that labels.csv relabelled or left out.
    """

    metrics: Metrics
    predictions: Sequence[Prediction]
    environment: Environment
    params: Mapping[str, Any]
    training_images: int
    validation_images: int
    changed_test_labels: int
    opset: int
    backbone_origin: str = ""


def model_card(description: Description, facts: Facts) -> str:
    """Render the card."""
    metrics, params = facts.metrics, facts.params
    dataset, (channels, height, width) = dataset_name(params), description.image_shape
    recall = recall_per_class(facts.predictions, description.classes)
    low, high = wilson_interval(metrics.images - metrics.errors, metrics.images)
    refit = params["train"]["refit"]
    sizes = [
        ("training", facts.training_images + refit * facts.validation_images),
        ("validation", 0 if refit else facts.validation_images),
        ("test", metrics.images),
    ]
    results = [
        ("accuracy", f"{_percent(metrics.accuracy)} ({_percent(low)} to {_percent(high)})"),
        ("balanced accuracy", _percent(metrics.balanced_accuracy)),
        ("macro F1", _percent(metrics.macro_f1)),
        ("mean loss", f"{metrics.loss:.4f}"),
        ("expected calibration error", _percent(metrics.calibration_error)),
    ]
    by_class = [
        (row.name, f"{row.images:,}", _percent(row.recall), f"{_percent(row.low)} to {_percent(row.high)}")
        if row.images
        else (row.name, 0, "", "")
        for row in recall
    ]
    header = {
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["onnx", "image-classification", "convolutional-neural-network"],
        "metrics": ["accuracy"],
        "model-index": [
            {
                "name": f"{dataset} classifier",
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"type": dataset, "name": dataset, "split": "test"},
                        "metrics": [{"type": "accuracy", "value": metrics.accuracy}],
                    }
                ],
            }
        ],
    }
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    body = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        dataset=dataset,
        channels=channels,
        height=height,
        width=width,
        members=description.members,
        shift=description.shift,
        classes=description.classes,
        md5=description.trained_model_md5,
        backbone=description.backbone,
        origin=facts.backbone_origin,
        metrics=metrics,
        interval=f"{_percent(low)} to {_percent(high)}",
        lowest=min((row for row in recall if row.images), key=lambda row: row.recall),
        percent=_percent,
        count=count,
        bins=params["evaluate"]["calibration_bins"],
        fit=LOADERS[description.preprocessing.fit].description,
        loader=loader_code(description.preprocessing, channels),
        opset=facts.opset,
        changed_test_labels=facts.changed_test_labels,
        tolerance=TOLERANCE,
        sample=SAMPLE,
        data=_table(("part", "images"), [(name, f"{count:,}") for name, count in sizes]),
        results=_table(("on the test set", ""), results),
        recall=_table(("class", "test images", "recall", "95% confidence interval"), by_class),
        environment=_table(("trained with", ""), [*facts.environment.model_dump(exclude_none=True).items()]),
        params=_yaml({section: params[section] for section in params if section != "report"}),
    )
    return f"---\n{_yaml(header)}---\n\n{body}"


def _percent(fraction: float) -> str:
    return f"{fraction:.2%}"


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return "\n".join(markdown_table(header, rows))


def _yaml(document: Mapping[str, Any]) -> str:
    text = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # keep the order of the keys
    yaml.dump(document, text)
    return text.getvalue()
