from pathlib import Path

import numpy as np
import pytest
from src.files import load_arrays, read_csv, save_arrays, write_bytes, write_csv, write_json


def test_arrays_come_back_and_have_the_same_bytes_each_time(tmp_path: Path) -> None:
    arrays = {"images": np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3), "classes": np.array(["a", "ß"])}
    save_arrays(tmp_path / "new/one.npz", **arrays)
    save_arrays(tmp_path / "two.npz", **arrays)
    assert (tmp_path / "new/one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    loaded = load_arrays(tmp_path / "two.npz", *arrays)
    assert loaded.keys() == arrays.keys()
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())


def test_missing_file_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`dvc repro split` makes it"):
        load_arrays(tmp_path / "split/indices.npz", "rows")


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_damaged_arrays_are_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "split/indices.npz"
    save_arrays(path, rows=np.arange(100))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="is damaged or another file"):
        load_arrays(path, "rows")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", rows=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="is damaged or another file"):
        load_arrays(tmp_path / "evil.npz", "rows")


def test_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"earlier")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"cannot write .*file: No space left on device"):
        write_bytes(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_json_refuses_what_breaks_readers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "metrics.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_csv_comes_back(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ["name", "value"], [('T-shirt, "top"', 1), ("b", 2)])
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()
    assert read_csv(tmp_path / "t.csv")[0] == {"name": 'T-shirt, "top"', "value": "1"}
