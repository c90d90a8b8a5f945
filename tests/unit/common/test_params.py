from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from src.common.errors import UserError
from src.common.params import Section, StageParams, read_yaml, validate_params


class ModelSection(Section):
    dropout: Annotated[float, Field(ge=0, lt=1)]


class TrainSection(Section):
    learning_rate: Annotated[float, Field(gt=0)]
    epochs: int = 1


class Params(StageParams):
    model: ModelSection
    train: TrainSection


def read(tmp_path: Path, text: str) -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return validate_params(Params, read_yaml(path), path)


def test_values_are_typed_as_yaml_1_2_defines(tmp_path: Path) -> None:
    params = read(tmp_path, "model: {dropout: 0}\ntrain: {learning_rate: 1e-05}\nsplit: {anything: 1}\n")
    assert params.train.learning_rate == 0.00001
    assert params.model.dropout == 0.0


def test_no_is_a_string_as_dvc_reads_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model.dropout = 'no': "):
        read(tmp_path, "model: {dropout: no}\ntrain: {learning_rate: 0.1}\n")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("model: {dropout: 2}\ntrain: {learning_rate: 0.1}", ["model.dropout = 2: ", "less than 1"]),
        ("model: {dropout: yes please}\ntrain: {learning_rate: 0.1}", ["model.dropout = 'yes please': ", "number"]),
        ("model: {dropout: 0}\ntrain: {learning_rate: 0.1, epochs: 1.5}", ["train.epochs = 1.5: ", "integer"]),
        ("model: {dropout: 0}\ntrain: {learning_rate: 0.1, epochs: true}", ["train.epochs = True: ", "integer"]),
        ("model: {dropout: 0}\ntrain: {learning_rate: .nan}", ["train.learning_rate = nan: ", "finite"]),
        (
            "model: {dropuot: 0}\ntrain: {learning_rate: -1}",
            [
                "3 invalid parameters",
                "model.dropuot",
                "known: dropout",
                "model.dropout: missing",
                "train.learning_rate = -1",
            ],
        ),
        ("model: {dropout: 0}", ["train: missing"]),
        ("model: {dropout: 0}\ntrain: {learning_rate: 0.1}\nepochs: 3", ["epochs: unknown section", "train"]),
        ("model: 3\ntrain: {learning_rate: 0.1}", ["model = 3: must hold the keys dropout"]),
        ("model: 2024-13-45\n", ["not valid YAML"]),
        ("model: {dropout: 0", ["not valid YAML", "line 1"]),
        ("model: {}\nmodel: {}", ["not valid YAML", "duplicate key"]),
        ("", ["must hold sections", "NoneType"]),
    ],
)
def test_every_wrong_key_is_named_with_its_value(tmp_path: Path, text: str, messages: list[str]) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    for message in messages:
        assert message in str(error.value)


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"is missing; run from the project's root folder, or create it with `make recipe RECIPE"
    ):
        read_yaml(tmp_path / "params.yaml")
