from pathlib import Path

import pytest

from src.common.errors import UserError
from src.common.params import read_yaml
from src.params.documentation import render_params
from src.params.params import Params, check_params, default_values


def read(tmp_path: Path, changes: dict[str, str]) -> Params:
    """Read the default parameters with some lines of params.yaml replaced."""
    text = render_params(default_values())
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return check_params(read_yaml(path), path)


def test_values_are_typed_as_yaml_1_2_defines(tmp_path: Path) -> None:
    params = read(tmp_path, {"learning_rate: 0.01": "learning_rate: 1e-05", "dropout: 0.25": "dropout: 0"})
    assert params.train.learning_rate == 0.00001
    assert params.model.dropout == 0.0


def test_no_is_a_string_as_dvc_reads_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model.dropout = 'no': "):
        read(tmp_path, {"dropout: 0.25": "dropout: no"})


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (
            {"dropout: 0.25": "dropout: 2"},
            ["params.yaml has 1 invalid parameter:", "model.dropout = 2: ", "less than 1"],
        ),
        ({"dropout: 0.25": "dropout: yes please"}, ["model.dropout = 'yes please': ", "number"]),
        ({"epochs: auto": "epochs: 1.5"}, ["1 invalid parameter:", "train.epochs = 1.5: ", "integer", "or auto"]),
        ({"epochs: auto": "epochs: true"}, ["train.epochs = True: ", "integer"]),
        ({"learning_rate: 0.01": "learning_rate: .nan"}, ["train.learning_rate = nan: ", "finite"]),
        (
            {"dropout: 0.25": "dropuot: 0", "learning_rate: 0.01": "learning_rate: -1"},
            [
                "3 invalid parameters",
                "model.dropuot = 0: unknown key; known: backbone, ",
                "model.dropout: missing",
                "train.learning_rate = -1",
            ],
        ),
        ({"\nsplit:": "\nspilt:"}, ["split: missing", "spilt: unknown section; known: download, split, "]),
        (
            {"validation_fraction: 0.2": "", "seed: 0": ""},
            ["split = None: must hold the keys validation_fraction, seed"],
        ),
        (
            {"batch_size: auto": "batch_size: 128", "shards: 1\n": "shards: 65\n"},
            ["  train.shards = 65: needs a train.batch_size of at least 130"],
        ),
        (
            {"epochs: auto": "epochs: 8", "clean_epochs: 0": "clean_epochs: 8", "shear: 0.0": "shear: 0.1"},
            ["  augment.clean_epochs = 8: must be less"],
        ),
        (
            {"backbone: backbone": "backbone: a.onnx", "shift: 0": "shift: 1", "flip: false": "flip: true"},
            ["  augment and evaluate.shift: cannot be used with"],
        ),
        ({"backbone: backbone": "backbone: a.onnx", "flip: false": "flip: true"}, ["  augment: cannot be used with"]),
        (
            {"conv_channels: auto": "conv_channels: [[8], [0.5]]"},
            ["  model.conv_channels.1.0 = 0.5: Input should be a valid integer"],
        ),
        (
            {"conv_channels: auto": "conv_channels: [[4, 9223372036854775808]]"},
            ["  model.conv_channels.0.1 = 9223372036854775808: ", "less than or equal to 65536"],
        ),
        (
            {"conv_channels: auto": "conv_channels: 3"},
            ["  model.conv_channels = 3: Input should be a valid list, or auto"],
        ),
        ({"split:": "split: 2024-13-45"}, ["not valid YAML"]),
        ({"dropout: 0.25": "dropout: {"}, ["not valid YAML", "line "]),
        ({"dropout: 0.25": "dropout: 0\n  dropout: 0"}, ["not valid YAML", "duplicate key"]),
    ],
)
def test_every_wrong_key_is_named_with_its_value(tmp_path: Path, changes: dict[str, str], messages: list[str]) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, changes)
    for message in messages:
        assert message in str(error.value)


def test_aliases_that_multiply_are_not_written_out(tmp_path: Path) -> None:
    lines = ["a: &a0 [x, x]", *(f"b{n}: &a{n + 1} [*a{n}, *a{n}, *a{n}, *a{n}]" for n in range(40))]
    path = tmp_path / "params.yaml"
    path.write_text("\n".join([*lines, "model: *a40"]))
    with pytest.raises(UserError, match="unknown section"):
        check_params(read_yaml(path), path)


def test_a_file_without_sections_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("")
    with pytest.raises(UserError, match="must hold keys and values, found NoneType"):
        read_yaml(tmp_path / "params.yaml")


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"is missing; run from the project's root folder, or create it with `make recipe RECIPE"
    ):
        read_yaml(tmp_path / "params.yaml")
