import os
import pickle
import sys
import types
from pathlib import Path

import pytest
import torch
from src.checkpoint import KEPT, Checkpoint, checkpoint_key
from src.files import write_bytes

CPU = torch.device("cpu")
STATE = {"network": {"weight": torch.arange(5.0)}, "history": [(1, 0.5)], "best": {"a": torch.tensor(2)}}


def test_a_state_comes_back_until_it_is_removed(tmp_path: Path) -> None:
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


def damaged(data: bytes) -> list[bytes]:
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    return [
        b"",
        data[:10],
        data[:-1],
        data + b"0",
        changed,
        data.replace(b"checkpoint 2", b"checkpoint 1"),
        data.replace(b"key", b"yek"),
    ]


@pytest.mark.parametrize("way", range(7))
def test_what_is_not_whole_or_not_this_trainings_is_set_aside(
    tmp_path: Path, way: int, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)
    data = damaged(checkpoint.path.read_bytes())[way]
    checkpoint.path.write_bytes(data)
    assert checkpoint.load(CPU) is None
    assert "warning: " in capsys.readouterr().out
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["0.damaged"]
    assert (tmp_path / "key/0.damaged").read_bytes() == data


def test_code_in_the_file_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "run"),)

    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save({"evil": Evil()})
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load(CPU)
    assert not (tmp_path / "run").exists()


def test_members_have_files_of_their_own(tmp_path: Path) -> None:
    for member in range(2 * KEPT):
        Checkpoint(tmp_path, "key", member).save({"member": member})
    assert Checkpoint(tmp_path, "key", 3).load(CPU) == {"member": 3}
    assert Checkpoint(tmp_path, "key", 2 * KEPT).load(CPU) is None
    for member in range(2 * KEPT):
        assert Checkpoint(tmp_path, "key", member).load(CPU) == {"member": member}
        Checkpoint(tmp_path, "key", member).remove()
    assert not any(tmp_path.iterdir())


def test_abandoned_states_are_bounded(tmp_path: Path) -> None:
    for number in range(2 * KEPT):
        Checkpoint(tmp_path, f"key{number}").save(STATE)
        os.utime(tmp_path / f"key{number}", (number, number))
    Checkpoint(tmp_path, "last").save(STATE)
    expected = ["last", *(f"key{number}" for number in range(KEPT + 1, 2 * KEPT))]
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(expected)


def test_a_full_disk_leaves_the_earlier_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"cannot write .*0.checkpoint: No space left on device"):
        checkpoint.save({})
    loaded = checkpoint.load(CPU)
    assert loaded is not None
    assert loaded.keys() == STATE.keys()


def test_the_key_changes_with_settings_inputs_code_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_bytes(one, b"1")
    write_bytes(two, b"2")
    keys = [checkpoint_key("a", [one]), checkpoint_key("b", [one]), checkpoint_key("a", [two])]
    assert len(set(keys)) == 3
    assert checkpoint_key("a", [one]) == keys[0]
    module = types.ModuleType("src.imported")
    module.__file__ = str(two)
    monkeypatch.setitem(sys.modules, "src.imported", module)
    keys.append(checkpoint_key("a", [one]))
    write_bytes(two, b"3")
    keys.append(checkpoint_key("a", [one]))
    assert len(set(keys)) == 5
