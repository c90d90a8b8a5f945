import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, PositiveInt

from src.common.errors import UserError
from src.common.files import load_arrays, read_csv, read_json, save_arrays, write_bytes, write_csv, write_json


def test_arrays_are_read_back_and_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    arrays = {"images": np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3), "classes": np.array(["a", "ß"])}
    save_arrays(tmp_path / "new/one.npz", **arrays)
    save_arrays(tmp_path / "two.npz", **arrays)
    assert (tmp_path / "new/one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    loaded = load_arrays(tmp_path / "two.npz", *arrays)
    assert loaded.keys() == arrays.keys()
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())


def test_the_bytes_of_arrays_do_not_depend_on_how_python_writes_zip_headers(tmp_path: Path) -> None:
    arrays = {"labels": np.arange(5), "classes": np.array(["a", "b"])}
    np.savez(
        tmp_path / "numpy.npz", labels=arrays["labels"], classes=arrays["classes"]
    )  # with the headers of this version of Python
    labels, classes = (load_arrays(tmp_path / "numpy.npz", name) for name in arrays)
    save_arrays(tmp_path / "ours.npz", **labels, **classes)
    assert (tmp_path / "ours.npz").read_bytes() != (tmp_path / "numpy.npz").read_bytes()
    # The same on Python 3.11.2, which writes other headers for np.savez than 3.11.7 and 3.13.
    expected = "c31b36badc7e6805fc7f1127c0b2d1d9319e16cf7f7229f4e1c252f2261d7c8e"
    assert hashlib.sha256((tmp_path / "ours.npz").read_bytes()).hexdigest() == expected


def test_a_missing_file_names_the_stage_that_creates_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"indices.npz is missing; run `dvc repro split` to create it"):
        load_arrays(tmp_path / "split/indices.npz", "train")


@pytest.mark.parametrize("length", [0, 10, 200])
def test_damaged_arrays_are_rejected(tmp_path: Path, length: int) -> None:
    path = tmp_path / "split/indices.npz"
    save_arrays(path, train=np.arange(100))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"is damaged or not the expected file .*; run `dvc repro split`"):
        load_arrays(path, "train")


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "split/indices.npz"
    save_arrays(path, train=np.arange(100))
    data = path.read_bytes()
    path.write_bytes(data.replace(np.arange(50, 60).tobytes(), np.arange(51, 61).tobytes()))
    assert path.read_bytes() != data
    with pytest.raises(UserError, match=r"is damaged or not the expected file .*CRC"):
        load_arrays(path, "train")


def test_pickled_arrays_are_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", train=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="is damaged or not the expected file"):
        load_arrays(tmp_path / "evil.npz", "train")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": np.arange(3.0)}, "labels has type float64 and 1 dimensions, expected int64 and 1"),
        ({"labels": np.arange(3, dtype=np.int32)}, "labels has type int32"),
        ({"labels": np.array([0, 1, 3])}, "every label must be from 0 to 2"),
        ({"labels": np.array([0, -1, 2])}, "every label must be from 0 to 2"),
        ({"labels": np.arange(2)}, "3 images, but 2 labels"),
        ({"images": np.zeros((3, 8, 8), np.uint8)}, "images has type uint8 and 3 dimensions"),
        ({"images": np.zeros((0, 1, 8, 8), np.uint8), "labels": np.arange(0)}, "at least one"),
    ],
)
def test_arrays_that_do_not_fit_are_rejected(tmp_path: Path, changes: dict[str, np.ndarray], reason: str) -> None:
    arrays: dict[str, np.ndarray] = {"images": np.zeros((3, 1, 8, 8), np.uint8), "labels": np.arange(3)}
    arrays["classes"] = np.array(list("abc"))
    save_arrays(tmp_path / "train.npz", **(arrays | changes))
    with pytest.raises(UserError, match=f"train.npz is damaged or not the expected file .*{reason}"):
        load_arrays(tmp_path / "train.npz", *arrays)


def test_a_missing_array_is_rejected(tmp_path: Path) -> None:
    save_arrays(tmp_path / "file.npz", train=np.arange(3))
    with pytest.raises(UserError, match=r"is damaged or not the expected file .*validation"):
        load_arrays(tmp_path / "file.npz", "train", "validation")


def test_a_failed_write_keeps_the_previous_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"previous")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match=r"cannot write .*file: No space left on device"):
        write_bytes(path, b"next")
    assert path.read_bytes() == b"previous"
    assert list(tmp_path.iterdir()) == [path]


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    for data in (b"first", b"second"):
        write_bytes(tmp_path / "link", data)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "target").read_bytes() == data


def test_devices_and_pipes_are_written_into(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot write /dev/full: No space left on device"):
        write_bytes(Path("/dev/full"), b"data")
    assert Path("/dev/full").is_char_device()
    os.mkfifo(tmp_path / "pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_bytes(tmp_path / "pipe", b"data")
    reader.join(timeout=30)
    assert received == [b"data"]


def test_a_process_substitution_is_written_into() -> None:
    code = "import sys; from pathlib import Path; from src.common.files import write_bytes; "
    code += "write_bytes(Path(sys.argv[1]), b'data')"
    command = ["bash", "-c", '"$0" -c "$1" >(cat)', sys.executable, code]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"data"


@pytest.mark.parametrize("path", ["", "."])
def test_a_folder_is_not_replaced(path: str) -> None:
    with pytest.raises(OSError, match=r"cannot write \.: Is a directory"):
        write_bytes(Path(path), b"data")


def test_json_is_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics.json", {"loss": 0.5})
    assert (tmp_path / "metrics.json").read_text() == '{\n  "loss": 0.5\n}\n'
    assert read_json(tmp_path / "metrics.json") == {"loss": 0.5}


def test_json_rejects_what_other_readers_cannot_parse(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "metrics.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_csv_is_read_back(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ["name", "value"], [('T-shirt, "top"', 1), ("b", 2)])
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()
    assert read_csv(tmp_path / "t.csv")[0] == {"name": 'T-shirt, "top"', "value": "1"}


def test_json_must_fit_the_model(tmp_path: Path) -> None:
    class Model(BaseModel):
        images: PositiveInt

    path = tmp_path / "evaluate/metrics.json"
    write_json(path, {"images": 7, "more": 1})
    assert read_json(path, Model) == {"images": 7, "more": 1}
    for text, reason in {
        "{}": "images: Field required",
        '{"images": 0}': "images: Input should be greater than 0",
        '{"images": "7"}': "images: Input should be a valid integer",
        "[]": "object",
        "{": "Invalid JSON",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=rf"metrics.json is damaged .*{reason}.*; run `dvc repro evaluate`"):
            read_json(path, Model)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no column index, name"),
        (b"index\n1\n", "no column name"),
        (b"index,name\n1,a\n2\n", "line 3 does not have 2 values"),
        (b"index,name\n1,a,b\n", "line 2 does not have 2 values"),
        (b"index,name\none,a\n", "invalid literal for int.*one"),
        (b'index,name\n1,"a', "unexpected end of data"),
        (b"index,name\n1,\xff\n", "can't decode"),
    ],
)
def test_a_csv_file_must_be_complete(tmp_path: Path, text: bytes, reason: str) -> None:
    path = tmp_path / "evaluate/errors.csv"
    write_bytes(path, text)
    with pytest.raises(UserError, match=rf"errors.csv is damaged .*{reason}.*; run `dvc repro evaluate`"):
        read_csv(path, index=int, name=str)


def test_a_csv_file_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfindex,name\n1,a\n")
    assert read_csv(tmp_path / "t.csv", index=int) == [{"index": "1", "name": "a"}]
