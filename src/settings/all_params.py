"""All sections of params.yaml together. Each stage reads only its own, so that none depends on another's code."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from src.common.params import SECTIONS, Parameter
from src.download.params import DownloadParams
from src.evaluate.params import EvaluateParams
from src.report.params import ReportParams
from src.split.params import SplitParams
from src.train.params import TrainStageParams


class AllParams(TrainStageParams):
    """Every section of params.yaml; those of the train stage are inherited, with their validation."""

    download: DownloadParams
    split: SplitParams
    evaluate: EvaluateParams
    report: ReportParams


def list_parameters() -> Iterator[tuple[str, str, Parameter]]:
    """Yield section, key and Parameter of every parameter, in the order of params.yaml."""
    for section in SECTIONS:
        model = AllParams.model_fields[section].annotation
        assert model is not None
        for key, field in model.model_fields.items():
            yield section, key, _find_parameter(field)


def default_values() -> dict[str, dict[str, Any]]:
    """Return the contents of params.yaml with every parameter at its default."""
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for section, key, parameter in list_parameters():
        values[section][key] = parameter.default
    return values


def _find_parameter(field: FieldInfo) -> Parameter:
    (parameter,) = (item for item in field.metadata if isinstance(item, Parameter))
    return parameter
