"""Folders of pictures: which files are used, for which part, and what is reported."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from src.common.dataset import Preprocessing
from src.common.errors import UserError
from src.download import folder as folder_module
from src.download.class_folders import list_class_folders
from src.download.decisions import Downloaded, read_decisions
from src.download.folder import load_folder
from src.pictures.fitting import fit_picture
from src.split.params import SplitParams
from src.split.stratified import split_rows
from tests.builders import make_download_params
from tests.helpers import ROOT
from tests.unit.download.hostile_files import make_pictures, write_ignored, write_useless

SIDE = 8


def load(folder: Path, **changes: Any) -> Downloaded:
    return load_folder(make_download_params(**{"folder": str(folder), "image_size": SIDE} | changes))


def draw(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), np.uint8))


def write(folder: Path, seeds: Mapping[str, Iterable[int]]) -> Path:
    """Write the pictures drawn with these seeds to subfolders of folder, each named after its seed."""
    for name, numbers in seeds.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed in numbers:
            draw(seed).save(folder / name / f"{seed:03}.png")
    return folder


def seeds_of(images: np.ndarray) -> list[int]:
    """The seeds of the pictures, in order."""
    known = {np.asarray(draw(seed)).tobytes(): seed for seed in range(400)}
    return [known[image.tobytes()] for image in images]


def snapshot(folder: Path) -> dict[str, object]:
    """Everything about a folder that can be compared."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else path.is_symlink())
        for path in sorted(folder.rglob("*"))
    }


GIVEN = {"train/cat": range(4), "train/dog": range(10, 14), "test/cat": [20], "test/dog": [21, 22]}
FLAT = {"cat": range(60), "dog": range(100, 160)}


def test_the_test_set_can_be_given(tmp_path: Path) -> None:
    data = load(write(tmp_path, GIVEN))
    assert data.train.classes == ["cat", "dog"]
    assert data.train.images.shape == (8, 1, SIDE, SIDE)
    assert data.train.images.dtype == np.uint8
    assert data.train.labels.dtype == np.int64
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4
    assert seeds_of(data.train.images) == [*range(4), *range(10, 14)]
    assert (seeds_of(data.test.images), data.test.labels.tolist()) == ([20, 21, 22], [0, 1, 1])
    assert data.train.preprocessing == Preprocessing(fit="crop")


@pytest.mark.parametrize("prefix", ["", "train/"])
def test_without_one_a_fraction_of_each_class_is_set_aside(tmp_path: Path, prefix: str) -> None:
    data = load(write(tmp_path, {prefix + name: seeds for name, seeds in FLAT.items()}), test_fraction=0.3)
    train, test = seeds_of(data.train.images), seeds_of(data.test.images)
    assert sorted(train + test) == [*range(60), *range(100, 160)]
    for label in range(2):
        assert 8 <= (data.test.labels == label).sum() <= 28
    assert train == sorted(train)
    assert [seed >= 100 for seed in train] == data.train.labels.astype(bool).tolist()


def test_new_pictures_and_other_parameters_move_no_picture_between_training_and_test(tmp_path: Path) -> None:
    before = set(seeds_of(load(write(tmp_path, FLAT)).test.images))
    write(tmp_path, {"cat": range(60, 100), "dog": range(160, 200), "bird": range(200, 240)})
    (tmp_path / "cat/000.png").rename(tmp_path / "cat/renamed.png")
    after = load(tmp_path)
    assert {seed for seed in seeds_of(after.test.images) if seed in {*range(60), *range(100, 160)}} == before
    higher = set(seeds_of(load(tmp_path, test_fraction=0.4).test.images))
    assert higher > set(seeds_of(after.test.images))
    for changes in ({"fit": "pad"}, {"channels": 3}):
        assert load(tmp_path, **changes).test.labels.tolist() == after.test.labels.tolist()
    shutil.rmtree(tmp_path / "bird")
    for seed in range(30, 100):
        (tmp_path / f"cat/{seed:03}.png").unlink()
    assert {seed for seed in seeds_of(load(tmp_path).test.images) if 0 < seed < 30} == {s for s in before if 0 < s < 30}


@pytest.mark.parametrize("counts", [(3, 3), (3, 10), (4, 8), (100, 3)])
@pytest.mark.parametrize("fraction", [0.001, 0.2, 0.999])
def test_three_pictures_of_a_class_are_enough(tmp_path: Path, counts: tuple[int, int], fraction: float) -> None:
    data = load(write(tmp_path, {"cat": range(counts[0]), "dog": range(100, 100 + counts[1])}), test_fraction=fraction)
    assert np.bincount(data.train.labels, minlength=2).min() >= (1 if max(counts) >= 25 and fraction > 0.9 else 2)
    assert np.bincount(data.test.labels, minlength=2).min() >= 1
    split_rows(data.train, SplitParams())


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Train", "Valid", "Test"), ("training", "validation", "testing")]
)
def test_the_layouts_of_other_tools_are_read(
    tmp_path: Path, names: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    train, val, test = names
    seeds = {f"{train}/cat": [1, 2], f"{train}/dog": [3, 4], f"{val}/cat": [5], f"{test}/cat": [6], f"{test}/dog": [7]}
    data = load(write(tmp_path, seeds))
    assert (seeds_of(data.train.images), seeds_of(data.test.images)) == ([1, 2, 5, 3, 4], [6, 7])
    assert data.train.validation.tolist() == [2]
    assert "warning: no validation pictures for dog; the best epoch" in capsys.readouterr().out
    assert split_rows(data.train, SplitParams()).validation.tolist() == [2]
    shutil.rmtree(tmp_path / test)  # then a part of train is for testing
    write(tmp_path, {f"{train}/cat": [8], f"{train}/dog": [9]})
    data = load(tmp_path)
    assert data.test.labels.tolist() == [0, 1]
    assert 5 in seeds_of(data.train.images)


def test_without_a_picture_for_validation_its_folder_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"train/cat": [1, 2], "train/dog": [3, 4], "val/cat": [5], "test/cat": [5, 6], "test/dog": [7]})
    with pytest.raises(UserError, match=r"none of the pictures in the validation folder of .* is used"):
        load(tmp_path)
    (tmp_path / "val/cat/005.png").unlink()
    os.mkfifo(tmp_path / "val/cat/pipe.png")
    with pytest.raises(UserError, match="none of the pictures in the validation folder"):
        load(tmp_path, skip_unreadable=True)


def test_pictures_used_only_in_part_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"cat": range(4), "dog": range(10, 14)})
    draw(50).save(tmp_path / "cat/pages.tif", save_all=True, append_images=[draw(51)])
    load(tmp_path)
    line = f"{tmp_path}/cat/pages.tif: only the first of 2 pages or frames is used"
    assert f"download: 1 picture used only in part:\n  {line}\n" in capsys.readouterr().out


def test_copies_that_labels_csv_leaves_out_are_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "photos", {"cat": range(5), "dog": range(10, 15)})
    for number in (2, 3):
        shutil.copy(tmp_path / f"photos/cat/00{number}.png", tmp_path / f"photos/cat/copy{number}.png")
    labels = tmp_path / "labels.csv"
    params = make_download_params(folder=str(tmp_path / "photos"), image_size=SIDE)
    for part in ("", "test"):
        labels.write_text(f"file,digest,part,label,note\n{tmp_path}/photos/cat/003.png,,{part},-,\n")
        kept = load_folder(params, read_decisions(labels))
        output = capsys.readouterr().out
        if kept.applied:
            assert "1 copy left out" in output
            assert "003.png = " not in output
            break
    else:
        raise AssertionError("the decision matched no picture")


def test_a_class_may_have_the_name_of_a_part(tmp_path: Path) -> None:
    data = load(write(tmp_path, {"train": range(10), "bus": range(20, 30)}))
    assert data.train.classes == ["bus", "train"]


def test_numbers_in_class_names_are_sorted_by_value(tmp_path: Path) -> None:
    seeds = {name: range(10 * place, 10 * place + 4) for place, name in enumerate(("10", "2", "1", "a"))}
    assert load(write(tmp_path, seeds)).train.classes == ["1", "2", "10", "a"]


def test_pictures_with_fewer_bits_than_stated_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, FLAT)
    Image.fromarray(np.full((SIDE, SIDE), 4000, np.uint16)).save(tmp_path / "cat/deep.png")
    assert load(tmp_path).train.images.max() == 255
    assert "brightest sample of the pictures with more than 8 bits is 4,000 of 65,535" in capsys.readouterr().out
    load(tmp_path, bits=12)
    assert "brightest" not in capsys.readouterr().out


def test_a_class_with_a_single_picture_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"cat": [1], "dog": range(10, 20), "bird": [2]})
    shutil.copy(tmp_path / "bird/002.png", tmp_path / "bird/copy.png")
    with pytest.raises(UserError, match=r"no test pictures for: bird \(1 usable in all\), cat \(1 usable in all\);"):
        load(tmp_path)


@pytest.mark.usefixtures("processes")
def test_the_arrays_depend_on_contents_and_names_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(write(tmp_path / "first", FLAT))
    second = tmp_path / "second"
    for path in sorted((tmp_path / "first").rglob("*.png"), reverse=True):
        copy = second / path.relative_to(tmp_path / "first")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(folder_module, "CHUNK", 1)
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: nullcontext(reversed(list(scandir(path)))))
    again = load(second)
    assert [row.file.replace("/first/", "/second/") for row in first.files] == [row.file for row in again.files]
    for one, other in zip(first[:2], again[:2], strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)
        assert np.array_equal(one.digests, other.digests)


def test_hostile_files_are_used_or_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "photos"
    write(root, {"train/dog": [1], "test/cat": [2], "test/dog": [3]})
    hostile = root / "train/cat"
    hostile.mkdir()
    draw(5).save(tmp_path / "outside.png")
    pictures, useless = make_pictures(), write_useless(hostile, tmp_path / "outside.png")
    for name, (contents, _) in pictures.items():
        (hostile / name).write_bytes(contents)
    for folder in (root, root / "train", hostile, root / "test"):
        write_ignored(folder)
    (root / "README.md").write_text("My pictures")
    before = snapshot(root)
    assert len(pictures) + len(useless) >= 60

    with pytest.raises(UserError) as error:
        load(root)
    assert str(error.value).startswith(f"{len(useless)} files cannot be used:\n  {hostile}/")
    assert f"\n  and {len(useless) - 10} more\nRemove or replace them, or set" in str(error.value)

    shape = (3, 16, 16)
    data = load(root, skip_unreadable=True, channels=3, image_size=16)
    output = capsys.readouterr().out
    assert f"{len(useless)} files cannot be used and are left out" in output
    used_in_part, _, left_out = output.partition("cannot be used")
    assert f"download: 3 pictures used only in part:\n  {hostile}/animated.gif: only the first of" in used_in_part
    reported = dict(re.findall(rf"^  ({hostile}.*?): (.*)$", left_out, re.MULTILINE))
    assert reported.keys() == {str(hostile / name) for name in useless}
    assert {row.file for row in data.files if row.part == "unusable"} == {*reported}
    assert all(reported[str(hostile / name)].startswith(reason) for name, reason in useless.items())
    used = dict(zip(sorted(pictures), data.train.images[data.train.labels == 0], strict=True))
    for name, (_, (shown, error_allowed)) in pictures.items():
        difference = np.abs(used[name].astype(float) - fit_picture(shown, "crop", shape)).mean()
        assert difference <= error_allowed, f"{name!r} differs by {difference}"
    assert snapshot(root) == before


def test_photos_are_no_characters(tmp_path: Path) -> None:
    write(tmp_path, {"cat": range(6), "dog": range(100, 106)})
    with pytest.raises(UserError, match=r"and 2 more\nRemove or replace them, choose another download.fit, or set"):
        load(tmp_path, fit="character", channels=1)


def test_folders_that_are_left_out_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, FLAT)
    list_class_folders(tmp_path)
    assert capsys.readouterr().out == ""
    write(tmp_path, {"~": [1], ".NET": [2]})
    assert "~" not in list_class_folders(tmp_path).classes
    names = f"{tmp_path}/.NET, {tmp_path}/~"
    sentence = f"download: ignored as hidden or left behind by programs: {names}; rename those that are classes\n"
    assert capsys.readouterr().out == sentence


def test_what_dvcignore_leaves_out_is_left_out_here_too(tmp_path: Path) -> None:
    write(tmp_path, FLAT)
    for pattern in (ROOT / ".dvcignore").read_text().splitlines()[1:]:
        name = re.sub(r"\[.*?\]", "w", pattern.lstrip("\\").rstrip("/").replace("*", "x").replace("?", "p"))
        (tmp_path / "cat" / name).mkdir()
    assert len(list_class_folders(tmp_path).files) == 120
    assert list_class_folders(tmp_path).rejected == {}


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    write(tmp_path, GIVEN)
    write(tmp_path, {".store": [7]})
    (tmp_path / "train/cat/link.png").symlink_to("../../.store/007.png")
    assert seeds_of(load(tmp_path).train.images)[4] == 7
    other = tmp_path.with_name("link to the whole")
    other.symlink_to(tmp_path)
    assert len(load(other).train.labels) == 9


def test_links_to_folders_and_stray_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, FLAT)
    (tmp_path / "bird").symlink_to("cat")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "labels.csv").write_text("1,cat")
    with pytest.raises(UserError) as error:
        load(tmp_path)
    for name, reason in (("bird", "a link to a folder"), ("loop", "a link to a folder"), ("labels.csv", "not in a")):
        assert f"{tmp_path / name}: {reason}" in str(error.value)
    assert len(load(tmp_path, skip_unreadable=True).train.classes) == 2
    shutil.rmtree(tmp_path / "dog")
    (tmp_path / "parts").mkdir()
    (tmp_path / "cat").rename(tmp_path / "parts/cat")
    (tmp_path / "train").symlink_to("parts")
    with pytest.raises(UserError, match="train is a link"):
        load(tmp_path)


def test_stray_files_beside_train_and_test_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, GIVEN)
    for name in ("README.md", "train/README.md", "forgotten.png"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="2 files cannot be used:") as error:
        load(Path())
    for name in ("train/README.md", "forgotten.png"):
        assert f"{name}: not in a class folder" in str(error.value)


def test_a_class_that_only_has_links_to_elsewhere_is_not_called_empty(tmp_path: Path) -> None:
    write(tmp_path / "photos", {"cat": range(5), "dog": []})
    write(tmp_path / "cache", {"dog": [9]})
    (tmp_path / "photos/dog/1.png").symlink_to(tmp_path / "cache/dog/009.png")
    with pytest.raises(UserError, match=r"dog/1.png: a link to something outside \S*photos"):
        load(tmp_path / "photos")
    with pytest.raises(UserError, match="no training pictures for: dog "):
        load(tmp_path / "photos", skip_unreadable=True)


def test_copies_are_used_once_and_for_testing_if_they_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, GIVEN)
    write(tmp_path, {"test/cat": [0, 1]})
    draw(2).convert("RGB").save(tmp_path / "train/cat/same pixels.bmp")
    data = load(tmp_path)
    assert seeds_of(data.train.images) == [2, 3, 10, 11, 12, 13]
    assert seeds_of(data.test.images) == [0, 1, 20, 21, 22]
    files = [row.file for row in data.files if (row.part, row.index) == ("test", 0)]
    assert files == [f"{tmp_path}/test/cat/000.png", f"{tmp_path}/train/cat/000.png"]
    output = capsys.readouterr().out
    assert "3 copies left out" in output
    for one, other in (
        ("test/cat/000.png", "train/cat/000.png"),
        ("test/cat/001.png", "train/cat/001.png"),
        ("train/cat/002.png", "train/cat/same pixels.bmp"),
    ):
        assert f"\n  {tmp_path / one} = {tmp_path / other}\n" in output


def test_unusable_files_and_pictures_in_two_classes_are_named_together(tmp_path: Path) -> None:
    write(tmp_path, FLAT | {"bird": [1, 200, 201]})
    (tmp_path / "cat/notes.txt").write_text("")
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert f"{tmp_path}/cat/notes.txt: an empty file\nRemove or replace" in str(error.value)
    assert f"{tmp_path}/bird/001.png = {tmp_path}/cat/001.png\nKeep each picture only" in str(error.value)


@pytest.mark.parametrize("skip", [False, True])
def test_a_picture_in_two_classes_is_an_error(tmp_path: Path, skip: bool, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, FLAT)
    write(tmp_path, {"dog": [1, 2]})
    draw(1).save(tmp_path / "cat/copy.png")
    with pytest.raises(UserError, match="the same picture belongs to different classes") as error:
        load(tmp_path, skip_unreadable=skip)
    assert "copies left out" not in capsys.readouterr().out
    one = f"{tmp_path}/cat/001.png = {tmp_path}/cat/copy.png = {tmp_path}/dog/001.png"
    assert f"\n  {one}\n  {tmp_path}/cat/002.png = {tmp_path}/dog/002.png\n" in str(error.value)


def test_a_test_picture_in_two_classes_is_named_as_such(tmp_path: Path) -> None:
    write(tmp_path, {"train/cat": [1, 2, 3], "train/dog": [2, 4, 5], "test/cat": [6], "test/dog": [6, 7]})
    with pytest.raises(UserError) as error:
        load(tmp_path)
    trained, tested = (f"{tmp_path}/{name}.png" for name in ("train/dog/002", "test/dog/006"))
    assert f" = {trained}\n" in str(error.value)
    assert f" = {tested} (test)\nKeep each picture" in str(error.value)


def test_a_class_whose_training_pictures_are_all_in_the_test_set_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"train/cat": [1], "train/dog": [2], "test/cat": [1], "test/dog": [3]})
    with pytest.raises(UserError, match="has no training pictures for: cat "):
        load(tmp_path)


def test_a_class_without_a_readable_picture_is_an_error_named_with_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"train/cat": [1], "train/dog": [], "test/cat": [2], "test/dog": [3]})
    (tmp_path / "train/dog/1.png").write_bytes(b"")
    missing = "has no training pictures for: dog "
    with pytest.raises(UserError, match=missing):
        load(tmp_path, skip_unreadable=True)
    with pytest.raises(UserError, match=rf"(?s)1 file cannot be used:.*{missing}"):
        load(tmp_path)
    shutil.copy(tmp_path / "test/cat/002.png", tmp_path / "test/dog/copy.png")
    with pytest.raises(UserError, match=r"(?s)1 file cannot be used:.*belongs to different classes:") as error:
        load(tmp_path)
    assert missing not in str(error.value)
    for path in tmp_path.glob("*/*/*.png"):
        path.write_bytes(b"")
    capsys.readouterr()
    with pytest.raises(UserError, match="5 files cannot be used:"):
        load(tmp_path, image_size="auto")
    assert capsys.readouterr().out == ""  # no size that was chosen from no picture


def test_missing_and_empty_folders_say_what_goes_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/README.md").write_text("")
    for name, problem in (
        ("missing", "does not exist"),
        ("file", "is not a folder"),
        ("empty", "has no class folder"),
    ):
        with pytest.raises(UserError) as error:
            load(tmp_path / name)
        for part in (f"{tmp_path / name} {problem}", f"as in {tmp_path / name}/cat/1.jpg"):
            assert part in str(error.value)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ({"cat": [1, 2]}, "only the class cat, and at least two classes are needed"),
        ({"train/cat": [1], "test/cat": [2]}, "only the class cat, and at least two classes are needed"),
        ({"cat": [1, 2], "dog": [], "bird": []}, r"no pictures in bird, dog; add some or remove"),
        ({"train/cat": [1], "train/dog": [2], "test/cat": [3], "test/dog": []}, r"no pictures in test/dog"),
        ({"train/cat": [1], "train/dog": [2], "test/cat": [3]}, r"train: cat, dog\n\s+\S*test: cat$"),
        ({"train/cat": [1], "test/dog": [2], "test/cat": [3]}, r"train: cat\n\s+\S*test: cat, dog$"),
        ({"train/cat": [1], "train/dog": [2], "test": []}, "has test beside train/"),
        ({"test/cat": [1], "test/dog": [2]}, "has test/ but no train/"),
        ({"train/cat": [1], "train/dog": [2], "bird": [3], "val/cat": [4]}, "has bird beside train/"),
        ({"train/cat": [1], "train/dog": [2], "Val/owl": [3]}, r"train: cat, dog\n\s+validation: owl$"),
        ({"train/cat": [1], "train/dog": [2], "Training/cat": [3]}, "has both Training/ and train/; merge them"),
        (
            {"cat/persian": [1], "cat/tabby": [2], "dog": [3]},
            r"class cat holds only folders \(persian, tabby\); make each",
        ),
        ({"-": [1], "cat": [2]}, "a class cannot be named -, which leaves out a picture"),
        ({"oak ": [1], "cat": [2]}, "the class name 'oak ' begins or ends with a space; rename the class"),
        ({"a\nb": [1], "cat": [2]}, r"the class name 'a\\nb' has characters that cannot be printed; rename"),
        ({"Cat": [1], "cat": [2], "dog": [3]}, "class names 'Cat' and 'cat' differ only in case"),
        ({"train/Cat": [1], "train/b": [2], "test/cat": [3], "test/b": [4]}, "'Cat' and 'cat' differ only in case"),
        ({"caf\u00e9": [1], "cafe\u0301": [2]}, r"'cafe\\u0301' and 'caf\\xe9' differ only in case or in Unicode n"),
        ({os.fsdecode(b"caf\xe9"): [1], "dog": [2]}, r"class name 'caf\\udce9' is not valid UTF-8"),
    ],
)
def test_folders_that_cannot_be_used_are_rejected(tmp_path: Path, seeds: dict[str, list[int]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(write(tmp_path, seeds))


def kill_process(*_: object, **__: object) -> None:
    os._exit(1)


def test_images_that_do_not_fit_in_memory_are_rejected_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, FLAT)
    monkeypatch.setattr(folder_module, "_decode_chunk", kill_process)
    available = int(120 * 3 * 512**2 * folder_module.MEMORY_FACTOR) - 1
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": available}))
    with pytest.raises(UserError, match=r"120 images of shape 3x512x512 need 0\.2 GiB of memory, but only 0\.2 GiB"):
        load(tmp_path, channels=3, image_size=512)


@pytest.mark.usefixtures("processes")
def test_a_killed_worker_is_an_error_and_not_a_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_decode_chunk", kill_process)
    with pytest.raises(UserError, match="was killed, after 0 of 120 files"):
        load(write(tmp_path, FLAT))


def test_pictures_are_hashed_before_they_are_fitted(tmp_path: Path) -> None:
    """The bytes hashed are fixed, or every user's split would change."""
    draw(0).save(tmp_path / "picture.png")
    expected = hashlib.blake2b(b"(8, 8)" + np.repeat(np.asarray(draw(0))[..., None], 3, 2).tobytes(), digest_size=16)
    decoded = folder_module._decode_chunk([str(tmp_path / "picture.png")], Preprocessing(fit="crop"), (1, 4, 4))
    assert decoded.digests == [expected.digest()]
