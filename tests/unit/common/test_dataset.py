from pathlib import Path

import numpy as np
import pytest

from src.common.dataset import Dataset, Preprocessing, Split
from src.common.errors import UserError
from src.common.files import save_arrays


def test_a_dataset_and_a_split_are_read_back(tmp_path: Path) -> None:
    images = np.arange(96, dtype=np.uint8).reshape(4, 3, 2, 4)
    digests = np.arange(64, dtype=np.uint8).reshape(4, 16)
    preprocessing = Preprocessing(fit="pad", background="black", bits=12)
    data = Dataset(images, np.array([0, 1, 1, 0]), ["a", "ß"], preprocessing, digests, np.array([2]))
    data.save(tmp_path / "train.npz")
    loaded = Dataset.load(tmp_path / "train.npz")
    assert np.array_equal(loaded.images, images)
    assert (loaded.labels.tolist(), loaded.classes) == ([0, 1, 1, 0], ["a", "ß"])
    assert (loaded.preprocessing, loaded.validation.tolist()) == (preprocessing, [2])
    assert np.array_equal(loaded.digests, digests)
    some = loaded.select(np.array([3, 1]))
    assert np.array_equal(some.images, images[[3, 1]])
    assert (some.labels.tolist(), some.digests[:, 0].tolist(), len(some.validation)) == ([0, 1], [48, 16], 0)
    Split(np.array([0, 2]), np.array([1, 3])).save(tmp_path / "indices.npz")
    assert [rows.tolist() for rows in Split.load(tmp_path / "indices.npz")] == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": np.arange(3.0)}, "labels has type float64 and 1 dimensions, expected int64 and 1"),
        ({"labels": np.arange(3, dtype=np.int32)}, "labels has type int32"),
        ({"labels": np.array([0, 1, 3])}, "every label must be from 0 to 2"),
        ({"labels": np.array([0, -1, 2])}, "every label must be from 0 to 2"),
        ({"labels": np.arange(2)}, "3 images, but 2 labels and 3 digests"),
        ({"images": np.zeros((3, 8, 8), np.uint8)}, "images has type uint8 and 3 dimensions"),
        (
            {"preprocessing": np.array('{"fit": "squeeze"}')},
            "Input should be 'crop', 'pad', 'stretch', 'character' or 'drawing'",
        ),
        (
            {
                "images": np.zeros((0, 1, 8, 8), np.uint8),
                "labels": np.arange(0),
                "digests": np.zeros((0, 16), np.uint8),
            },
            "at least one",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_rejected(tmp_path: Path, changes: dict[str, np.ndarray], reason: str) -> None:
    arrays: dict[str, np.ndarray] = {"images": np.zeros((3, 1, 8, 8), np.uint8), "labels": np.arange(3)}
    arrays |= {"classes": np.array(list("abc")), "preprocessing": np.array('{"fit": "crop"}')}
    arrays |= {"digests": np.zeros((3, 16), np.uint8), "validation": np.zeros(0, np.int64)}
    save_arrays(tmp_path / "train.npz", **(arrays | changes))
    with pytest.raises(UserError, match=f"train.npz is damaged or not the expected file .*{reason}"):
        Dataset.load(tmp_path / "train.npz")
