from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.common.artifacts import AppliedDecision
from src.common.errors import UserError
from src.download.decisions import Downloaded, read_decisions
from src.download.folder import load_folder
from src.download.sources import apply_decisions
from tests.builders import make_dataset, make_download_params

HEADER = "file,digest,part,label,note\n"
IMAGES = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.full((1, 1, 4, 4), 20, np.uint8)
TRAIN = make_dataset(IMAGES[:8], np.array([0, 1] * 4), ["cat", "dog"])
TEST = make_dataset(IMAGES[8:], np.array([0, 1] * 2), ["cat", "dog"])


def digest(row: int, part: str = "train") -> str:
    data = TRAIN if part == "train" else TEST
    text: str = data.digests[row].tobytes().hex()
    return text


def apply(path: Path, *lines: str) -> Downloaded:
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return apply_decisions(TRAIN, TEST, read_decisions(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def test_labels_are_changed_confirmed_and_left_out(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = f",{digest(0)},,dog,a note", f",{digest(1)},,dog,", f",{digest(2).upper()},,-,"
    data = apply(path, *lines)
    assert data.train.labels.tolist() == [1, 1, 1, 0, 1, 0, 1]
    assert np.array_equal(data.train.images, IMAGES[[0, 1, 3, 4, 5, 6, 7]])
    assert np.array_equal(data.train.digests, TRAIN.digests[[0, 1, 3, 4, 5, 6, 7]])
    assert data.test.labels.tolist() == TEST.labels.tolist()
    assert data.applied == [
        AppliedDecision("train", digest(0), "cat", "dog"),
        AppliedDecision("train", digest(1), "dog", "dog"),
        AppliedDecision("train", digest(2), "cat", "-"),
    ]
    assert "labels changed: 1, confirmed: 1; pictures left out: 1" in capsys.readouterr().out


def test_no_lines_change_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = apply(path)
    assert data.train is TRAIN
    assert data.test is TEST
    assert capsys.readouterr().out == ""


def test_test_labels_are_changed_only_by_lines_for_the_test_set(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = apply(path, f",{digest(0, 'test')},,dog,", f",{digest(3)},test,cat,")
    assert data.applied == []
    output = capsys.readouterr().out
    assert "2 lines without effect:" in output
    assert f"line 2: {digest(0, 'test')}" in output
    data = apply(path, f",{digest(0, 'test')},test,dog,")
    assert data.test.labels.tolist() == [1, 1, 0, 1]
    assert data.applied == [AppliedDecision("test", digest(0, "test"), "cat", "dog")]


def test_lines_that_fit_no_picture_are_counted_and_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apply(path, *(f"photos/{number}.png,,,cat," for number in range(12)), f",{digest(0)},,dog,")
    output = capsys.readouterr().out
    assert "12 lines without effect:" in output
    assert "line 2: photos/0.png" in output
    assert "photos/10.png" not in output
    assert "and 2 more" in output


def test_a_class_without_images_is_an_error(path: Path) -> None:
    with pytest.raises(UserError, match="leaves no test image of: dog"):
        apply(path, f",{digest(1, 'test')},test,cat,", f",{digest(3, 'test')},test,-,")


def test_lines_that_contradict_each_other_are_an_error(path: Path) -> None:
    with pytest.raises(UserError, match="lines 2 and 3: the same picture is cat in one and dog in the other"):
        apply(path, f",{digest(1)},,cat,", f",{digest(1)},,dog,")
    apply(path, f",{digest(1)},,cat,", f",{digest(1)},,cat,")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            f",{digest(1)},,fish,\n,{digest(0)},,bird,",
            r"the classes are 'cat', 'dog'; use - to leave a picture out\):\n  line 2: 'fish'\n  line 3: 'bird'",
        ),
        (f"a.png,{digest(0)},,cat,", "line 2: needs either a file or a digest, not both"),
        ("file,digest,part,label,note", "line 2: repeats the first line"),
        (f";{digest(0)};;cat;", "line 2: is not separated by ',', unlike the first line"),
        ("<<<<<<< HEAD", "line 2: is a conflict marker of Git; keep the lines of both sides"),
        (",,,cat,", "line 2: needs either a file or a digest, not both"),
        ("a.png,,train,cat,", "line 2: part = train: must be empty or test"),
        ("a.png,,,,", "line 2: has no label; write - to leave the picture out"),
        ("cats, and more/a.png,,,cat,", "line 2: has too many values: a name with a comma must be"),
        ('"a.png,,,cat,', "after line 1: a double quote is never closed"),
    ],
)
def test_lines_that_cannot_be_understood_are_named(path: Path, line: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        apply(path, line)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,digest,label\n",
            "must have each of these columns once: part; its first line must be file,digest,part,label, with or",
        ),
        ("", "must have each of these columns once: file, digest, part, label"),
        ("file,digest,part,label,label\n", "must have each of these columns once: label; its"),
        (
            "sep=;\nfile;digest;part;label;note\n",
            "must have each of these columns once: file, digest, part, label; its first line",
        ),
        ("caf\xe9", "is not UTF-8"),
    ],
)
def test_files_that_cannot_be_understood_are_named(path: Path, text: str, message: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=message):
        read_decisions(path)


def test_files_of_spreadsheet_programs_are_read(path: Path) -> None:
    line = f'\ufefffile;digest;part;label;note\r\n;{digest(0)};;dog;"so; clearly"\r\n'
    path.write_bytes(line.encode())
    assert apply_decisions(TRAIN, TEST, read_decisions(path)).train.labels[0] == 1


def test_lines_of_the_page_in_a_file_with_semicolons_are_read(path: Path) -> None:
    path.write_text(f'file;digest;part;label;note\n,{digest(0)},,dog,"1.png, was cat"\n;{digest(1)};;-;\n')
    assert [decision.label for decision in apply_decisions(TRAIN, TEST, read_decisions(path)).applied] == ["dog", "-"]
    path.write_text(f"file;digest;part;label;note\n{digest(0)},dog\n")
    with pytest.raises(UserError, match="line 2: is not separated by ';', unlike the first line"):
        read_decisions(path)


def test_empty_lines_and_spaces_are_ignored(path: Path) -> None:
    assert len(apply(path, ",,,,", f", {digest(0)} , , dog ,").applied) == 1


def test_unknown_classes_matter_only_where_a_line_fits(path: Path) -> None:
    assert apply(path, "photos/of another dataset.png,,,bird,").applied == []


def test_many_lines_are_read_at_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apply(path, *(f"photos/{number}.png,,,cat," for number in range(20_000)))
    assert "20,000 lines without effect:" in capsys.readouterr().out


def write_pictures(folder: Path) -> dict[str, Path]:
    """Write six pictures of cats and of dogs, of which two in each class are for testing."""
    paths = {}
    for label, name in enumerate(("cat", "dog")):
        for number in range(6):
            path = folder / ("test" if number < 2 else "train") / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((4, 4), 40 * number + 20 * label, np.uint8)).save(path)
            paths[f"{name} {number}"] = path
    return paths


def load(folder: Path, path: Path, *lines: str) -> Downloaded:
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return load_folder(make_download_params(folder=str(folder), image_size=8), read_decisions(path))


def test_files_are_named_as_in_the_folder_and_keep_their_side(tmp_path: Path, path: Path) -> None:
    paths = write_pictures(tmp_path / "photos")
    plain = load(tmp_path / "photos", path)
    changed = load(tmp_path / "photos", path, f"{paths['cat 3']},,,dog,", f"{paths['dog 1']},,test,-,")
    assert len(changed.train.labels) == len(plain.train.labels)
    assert np.array_equal(changed.train.images, plain.train.images)
    assert (changed.train.labels != plain.train.labels).sum() == 1
    assert len(changed.test.labels) == len(plain.test.labels) - 1
    assert str(paths["dog 1"]) not in [row.file for row in changed.files]


def test_a_name_as_macos_writes_it_matches_the_same_name_typed(tmp_path: Path, path: Path) -> None:
    photos, written, typed = tmp_path / "photos", "o\u0308l", "\u00f6l"
    write_pictures(photos)
    for part in ("train", "test"):
        (photos / part / "cat").rename(photos / part / written)
    changed = load(photos, path, f"{photos}/train/{typed}/3.png,,,dog,", f"{photos}/train/dog/4.png,,,{typed},")
    assert [decision[2:] for decision in map(astuple, changed.applied)] == [("dog", written), (written, "dog")]


def test_a_renamed_picture_is_found_by_its_digest(tmp_path: Path, path: Path) -> None:
    paths = write_pictures(tmp_path / "photos")
    plain = load(tmp_path / "photos", path)
    row = next(row.index for row in plain.files if row.file == str(paths["cat 3"]))
    paths["cat 3"].rename(paths["cat 3"].with_name("new name, with a comma.png"))
    changed = load(tmp_path / "photos", path, f",{plain.train.digests[row].tobytes().hex()},,dog,")
    assert len(changed.applied) == 1


@pytest.mark.parametrize("label", ["dog", "-"])
def test_a_line_settles_that_a_picture_is_in_two_classes(tmp_path: Path, path: Path, label: str) -> None:
    paths = write_pictures(tmp_path / "photos")
    paths["cat 3"].with_name("copy.png").write_bytes(paths["dog 3"].read_bytes())
    with pytest.raises(UserError, match="belongs to different classes"):
        load(tmp_path / "photos", path)
    data = load(tmp_path / "photos", path, f"{paths['dog 3']},,,{label},")
    assert len(data.train.labels) == (8 if label == "dog" else 7)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_line_for_the_other_part_settles_nothing(tmp_path: Path, path: Path, part: str) -> None:
    paths = write_pictures(tmp_path / "photos")
    number = {"train": 3, "test": 1}[part]
    paths[f"cat {number}"].with_name("copy.png").write_bytes(paths[f"dog {number}"].read_bytes())
    other = {"train": "test", "test": ""}[part]
    with pytest.raises(UserError, match="belongs to different classes"):
        load(tmp_path / "photos", path, f"{paths[f'dog {number}']},,{other},dog,")


def test_names_are_also_those_of_files_csv(tmp_path: Path, path: Path) -> None:
    paths = write_pictures(tmp_path / "photos")
    paths["cat 3"].rename(paths["cat 3"].with_name("screen\u202fshot.png"))
    (shown,) = [row.file for row in load(tmp_path / "photos", path).files if "shot" in row.file]
    assert len(load(tmp_path / "photos", path, f'"{shown}",,,dog,').applied) == 1


def test_a_class_that_becomes_empty_is_an_error(tmp_path: Path, path: Path) -> None:
    paths = write_pictures(tmp_path / "photos")
    with pytest.raises(UserError, match="no test pictures for: dog "):
        load(tmp_path / "photos", path, f"{paths['dog 0']},,test,cat,", f"{paths['dog 1']},,test,cat,")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"labels.csv is missing; restore it, or .* file,digest,part,label,note"):
        read_decisions(tmp_path / "labels.csv")
