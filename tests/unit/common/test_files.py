import hashlib
import math
import multiprocessing
import os
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, PositiveInt

from src.common.errors import UserError
from src.common.files import (
    load_arrays,
    read_csv,
    read_json,
    save_arrays,
    shared_folder,
    write_bytes,
    write_csv,
    write_json,
)


@dataclass
class Row:
    index: int
    name: str
    value: float


def test_arrays_are_read_back_and_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    arrays = {"images": np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3), "classes": np.array(["a", "ß"])}
    save_arrays(tmp_path / "new/one.npz", **arrays)
    save_arrays(tmp_path / "two.npz", **arrays)
    assert (tmp_path / "new/one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    loaded = load_arrays(tmp_path / "two.npz", images=(np.uint8, 4), classes=(np.str_, 1))
    assert loaded.keys() == arrays.keys()
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())


def test_the_bytes_of_arrays_do_not_depend_on_how_python_writes_zip_headers(tmp_path: Path) -> None:
    arrays = {"labels": np.arange(5), "classes": np.array(["a", "b"])}
    np.savez(
        tmp_path / "numpy.npz", labels=arrays["labels"], classes=arrays["classes"]
    )  # with the headers of this version of Python
    loaded = load_arrays(tmp_path / "numpy.npz", labels=(np.int64, 1), classes=(np.str_, 1))
    save_arrays(tmp_path / "ours.npz", **loaded)
    assert (tmp_path / "ours.npz").read_bytes() != (tmp_path / "numpy.npz").read_bytes()
    # The same on Python 3.11.2, which writes other headers for np.savez than 3.11.7 and 3.13.
    expected = "c31b36badc7e6805fc7f1127c0b2d1d9319e16cf7f7229f4e1c252f2261d7c8e"
    assert hashlib.sha256((tmp_path / "ours.npz").read_bytes()).hexdigest() == expected


def test_a_missing_file_names_the_stage_that_creates_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"indices.npz is missing; run `dvc repro split` to create it"):
        load_arrays(tmp_path / "split/indices.npz", train=(np.int64, 1))


@pytest.mark.parametrize("length", [0, 10, 200])
def test_damaged_arrays_are_rejected(tmp_path: Path, length: int) -> None:
    path = tmp_path / "split/indices.npz"
    save_arrays(path, train=np.arange(100))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"is damaged or not the expected file .*; run `dvc repro split`"):
        load_arrays(path, train=(np.int64, 1))


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "split/indices.npz"
    save_arrays(path, train=np.arange(3), validation=np.arange(5))
    data = path.read_bytes()
    noticed = 0
    for bit in range(0, 8 * len(data), 5):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            arrays = load_arrays(path, train=(np.int64, 1), validation=(np.int64, 1))
        except UserError as error:
            assert "is damaged or not the expected file" in str(error)
            noticed += 1
        else:
            assert [array.tolist() for array in arrays.values()] == [[0, 1, 2], [0, 1, 2, 3, 4]]
    assert noticed > len(data)


def test_an_array_that_is_longer_than_its_header_says_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "split/indices.npz"
    save_arrays(path, train=np.arange(3))
    with zipfile.ZipFile(path) as archive:
        member = archive.read("train.npy")
    with zipfile.ZipFile(path, "w") as archive:  # with the right checksum
        archive.writestr("train.npy", member.replace(b"(3,)", b"(2,)"))
    with pytest.raises(UserError, match=r"train\.npy is longer than its header says"):
        load_arrays(path, train=(np.int64, 1))


def test_pickled_arrays_are_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", train=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="is damaged or not the expected file"):
        load_arrays(tmp_path / "evil.npz", train=(np.int64, 1))


def test_a_missing_array_is_rejected(tmp_path: Path) -> None:
    save_arrays(tmp_path / "file.npz", train=np.arange(3))
    with pytest.raises(UserError, match=r"is damaged or not the expected file .*validation"):
        load_arrays(tmp_path / "file.npz", train=(np.int64, 1), validation=(np.int64, 1))


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


def test_a_link_into_a_cache_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "cached").write_text("old")
    (tmp_path / "cached").chmod(0o444)
    (tmp_path / "link").symlink_to("cached")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "cached").read_text() == "old"
    assert (tmp_path / "link").read_text() == "new"
    assert not (tmp_path / "link").is_symlink()


def test_two_processes_can_write_the_same_file(tmp_path: Path) -> None:
    def write(contents: bytes) -> None:
        for _ in range(100):
            write_bytes(tmp_path / "file", contents)

    contents = [bytes([value]) * 1000 for value in range(2)]
    processes = [multiprocessing.get_context("fork").Process(target=write, args=(each,)) for each in contents]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".file.partial").write_text("longer than what is written")
    write_bytes(tmp_path / "file", b"short")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "short"}


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


def test_json_is_indented(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics.json", {"loss": 0.5})
    assert (tmp_path / "metrics.json").read_text() == '{\n  "loss": 0.5\n}\n'


def test_json_rejects_what_other_readers_cannot_parse(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "metrics.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_csv_is_read_back(tmp_path: Path) -> None:
    rows = [Row(1, 'T-shirt, "top"', 0.5), Row(2, "ß", float("nan"))]
    write_csv(tmp_path / "t.csv", Row, rows)
    assert (tmp_path / "t.csv").read_bytes() == 'index,name,value\n1,"T-shirt, ""top""",0.5\n2,ß,nan\n'.encode()
    first, second = read_csv(tmp_path / "t.csv", Row)
    assert first == rows[0]
    assert math.isnan(second.value)
    write_csv(tmp_path / "t.csv", Row, rows[:1], ".3f")
    assert (tmp_path / "t.csv").read_text().endswith("0.500\n")


def test_json_must_fit_the_model(tmp_path: Path) -> None:
    class Model(BaseModel):
        images: PositiveInt

    path = tmp_path / "evaluate/metrics.json"
    write_json(path, {"images": 7, "more": 1})
    assert read_json(path, Model) == Model(images=7)
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
        (b"", "no column index, name, value"),
        (b"index,value\n1,2\n", "no column name"),
        (b"index,name,value\n1,a,2\n2\n", "line 3 does not have 3 values"),
        (b"index,name,value\n1,a,2,b\n", "line 2 does not have 3 values"),
        (b"index,name,value\none,a,2\n", "invalid literal for int.*one"),
        (b'index,name,value\n1,"a', "unexpected end of data"),
        (b"index,name,value\n1,\xff,2\n", "can't decode"),
    ],
)
def test_a_csv_file_must_be_complete(tmp_path: Path, text: bytes, reason: str) -> None:
    path = tmp_path / "evaluate/errors.csv"
    write_bytes(path, text)
    with pytest.raises(UserError, match=rf"errors.csv is damaged .*{reason}.*; run `dvc repro evaluate`"):
        read_csv(path, Row)


def test_a_csv_file_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfindex,more,name,value\n1,x,a,2\n")  # and further columns
    assert read_csv(tmp_path / "t.csv", Row) == [Row(1, "a", 2.0)]


@pytest.mark.parametrize("copy", ["tmpabc", "standalone/tmpabc"])
def test_copies_of_a_project_share_a_folder(copy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shared_folder(".kept") == Path(".kept")
    inner = tmp_path / ".dvc/tmp/exps" / copy
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert shared_folder(".kept") == tmp_path / ".kept"
