"""All sections of params.yaml together."""

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic.fields import FieldInfo

from src.common.params import PARAMS, SECTIONS, Parameter, StageParams, read_yaml, validate_params
from src.download.params import DownloadParams
from src.evaluate.params import EvaluateParams
from src.report.params import ReportParams
from src.split.params import SplitParams
from src.train.params import TrainStageParams

S = TypeVar("S", bound=StageParams)


class AllParams(TrainStageParams):
    """Every section of params.yaml; those of the train stage are inherited, with their validation."""

    download: DownloadParams
    split: SplitParams
    evaluate: EvaluateParams
    report: ReportParams


def read_stage_params(stage_params: type[S]) -> S:
    """Read a stage's sections, but validate all of them: a mistake in `report` must not come to light after training.

    Raise UserError naming each invalid key. The other sections only decide whether the stage starts, not what it
    writes, so a stage does not depend on their code.
    """
    document = read_yaml(PARAMS)
    validate_params(AllParams, document, PARAMS)
    return validate_params(stage_params, document, PARAMS)


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
