from pathlib import Path

import numpy as np
import pytest

from src.common.dataset import Dataset, Split
from src.common.errors import UserError
from src.common.files import save_arrays


def test_a_dataset_and_a_split_are_read_back(tmp_path: Path) -> None:
    images = np.arange(96, dtype=np.uint8).reshape(4, 3, 2, 4)
    data = Dataset(images, np.array([0, 1, 1, 0]), ["a", "ß"], "pad")
    data.save(tmp_path / "train.npz")
    loaded = Dataset.load(tmp_path / "train.npz")
    assert np.array_equal(loaded.images, images)
    assert (loaded.labels.tolist(), loaded.classes, loaded.fit) == ([0, 1, 1, 0], ["a", "ß"], "pad")
    some = loaded.select(np.array([3, 1]))
    assert np.array_equal(some.images, images[[3, 1]])
    assert some.labels.tolist() == [0, 1]
    Split(np.array([0, 2]), np.array([1, 3])).save(tmp_path / "indices.npz")
    assert [rows.tolist() for rows in Split.load(tmp_path / "indices.npz")] == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": np.arange(3.0)}, "labels has type float64 and 1 dimensions, expected int64 and 1"),
        ({"labels": np.arange(3, dtype=np.int32)}, "labels has type int32"),
        ({"labels": np.array([0, 1, 3])}, "every label must be from 0 to 2"),
        ({"labels": np.array([0, -1, 2])}, "every label must be from 0 to 2"),
        ({"labels": np.arange(2)}, "3 images, but 2 labels"),
        ({"images": np.zeros((3, 8, 8), np.uint8)}, "images has type uint8 and 3 dimensions"),
        ({"fit": np.array("squeeze")}, "unknown fit 'squeeze'"),
        ({"images": np.zeros((0, 1, 8, 8), np.uint8), "labels": np.arange(0)}, "at least one"),
    ],
)
def test_arrays_that_do_not_fit_are_rejected(tmp_path: Path, changes: dict[str, np.ndarray], reason: str) -> None:
    arrays: dict[str, np.ndarray] = {"images": np.zeros((3, 1, 8, 8), np.uint8), "labels": np.arange(3)}
    arrays |= {"classes": np.array(list("abc")), "fit": np.array("crop")}
    save_arrays(tmp_path / "train.npz", **(arrays | changes))
    with pytest.raises(UserError, match=f"train.npz is damaged or not the expected file .*{reason}"):
        Dataset.load(tmp_path / "train.npz")
