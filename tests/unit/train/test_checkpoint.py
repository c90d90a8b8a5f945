import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from src.common.files import write_bytes
from src.train.checkpoint import MAX_RUNS, Checkpoint, checkpoint_key
from src.train.params import TrainSections
from tests.builders import AUGMENTATION, make_environment, make_train_params

CPU = torch.device("cpu")
STATE = {"network": {"weight": torch.arange(5.0)}, "history": [(1, 0.5)], "best": {"a": torch.tensor(2)}}


def test_state_is_loaded_until_removed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "new", "key")
    assert checkpoint.load(CPU) is None
    checkpoint.save(STATE)
    loaded = Checkpoint(tmp_path / "new", "key").load(CPU)
    assert loaded is not None
    assert torch.equal(loaded["network"]["weight"], torch.arange(5.0))
    assert loaded["history"] == [(1, 0.5)]
    assert Checkpoint(tmp_path / "new", "other").load(CPU) is None
    checkpoint.remove()
    assert checkpoint.load(CPU) is None


def damage(data: bytes) -> dict[str, bytes]:
    """Damaged versions of a checkpoint by name."""
    middle = len(data) // 2
    return {
        "empty": b"",
        "header only": data[:10],
        "truncated": data[:-1],
        "extended": data + b"0",
        "one bit flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "another file": data.replace(b"checkpoint", b"checkpaint"),
        "another key": data.replace(b"key", b"yek"),
    }


@pytest.mark.parametrize("kind", damage(b"0123456789"))
def test_a_damaged_checkpoint_or_one_of_another_training_is_renamed(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)
    data = damage(checkpoint.path.read_bytes())[kind]
    assert data != checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(data)
    assert checkpoint.load(CPU) is None
    assert "warning: " in capsys.readouterr().out
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["0.damaged"]
    assert (tmp_path / "key/0.damaged").read_bytes() == data


def test_loading_runs_no_code_from_the_file(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "run"),)

    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save({"evil": Evil()})
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load(CPU)
    assert not (tmp_path / "run").exists()


def test_every_member_has_its_own_file(tmp_path: Path) -> None:
    members = 2 * MAX_RUNS
    for member in range(members):
        Checkpoint(tmp_path, "key", member).save({"member": member})
    assert Checkpoint(tmp_path, "key", 3).load(CPU) == {"member": 3}
    assert Checkpoint(tmp_path, "key", members).load(CPU) is None
    for member in range(members):
        assert Checkpoint(tmp_path, "key", member).load(CPU) == {"member": member}
        Checkpoint(tmp_path, "key", member).remove()
    assert not any(tmp_path.iterdir())


def test_only_the_latest_trainings_are_kept(tmp_path: Path) -> None:
    for number in range(2 * MAX_RUNS):
        Checkpoint(tmp_path, f"key{number}").save(STATE)
        os.utime(tmp_path / f"key{number}", (number, number))
    Checkpoint(tmp_path, "last").save(STATE)
    expected = ["last", *(f"key{number}" for number in range(MAX_RUNS + 1, 2 * MAX_RUNS))]
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(expected)


def test_a_full_disk_keeps_the_previous_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match=r"cannot write .*0.checkpoint: No space left on device"):
        checkpoint.save({})
    loaded = checkpoint.load(CPU)
    assert loaded is not None
    assert loaded.keys() == STATE.keys()


def make_key(params: TrainSections, inputs: list[Path]) -> str:
    return checkpoint_key(params, make_environment(), inputs)


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """An input file."""
    write_bytes(tmp_path / "one", b"1")
    return tmp_path / "one"


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"epochs": 4}, {"learning_rate": 0.02}, {"patience": 1}, {"precision": "bf16"}]
)
def test_the_key_depends_on_the_training_parameters(one: Path, changes: dict[str, Any]) -> None:
    assert make_key(make_train_params(**changes), [one]) != make_key(make_train_params(), [one])


def test_the_key_depends_on_model_augmentation_environment_and_inputs(one: Path, tmp_path: Path) -> None:
    params, environment = make_train_params(), make_environment()
    wider = params._replace(model=params.model.model_copy(update={"hidden_units": [8]}))
    write_bytes(tmp_path / "two", b"2")
    keys = [
        checkpoint_key(params, environment, [one]),
        checkpoint_key(wider, environment, [one]),
        checkpoint_key(make_train_params(AUGMENTATION), environment, [one]),
        checkpoint_key(params, make_environment(torch="3"), [one]),
        checkpoint_key(params, environment, [tmp_path / "two"]),
    ]
    assert len(set(keys)) == len(keys)
    assert checkpoint_key(params, environment, [one]) == keys[0]


def test_the_key_does_not_depend_on_the_number_of_members(one: Path) -> None:
    assert make_key(make_train_params(members=5), [one]) == make_key(make_train_params(), [one])


def test_the_key_depends_on_the_imported_code(one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [make_key(make_train_params(), [one])]
    module = types.ModuleType("src.train.imported")
    module.__file__ = str(tmp_path / "imported.py")
    monkeypatch.setitem(sys.modules, "src.train.imported", module)
    for code in (b"a = 1", b"a = 2"):
        write_bytes(tmp_path / "imported.py", code)
        keys.append(make_key(make_train_params(), [one]))
    assert len(set(keys)) == 3
