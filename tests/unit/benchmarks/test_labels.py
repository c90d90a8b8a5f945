from pathlib import Path

import numpy as np
import pytest

from benchmarks.labels import PAIRS, plant, rank_test_images, score, write_folder
from src.common.artifacts import Prediction
from src.common.errors import UserError

LABELS = np.repeat(np.arange(10), 100)


def test_uniform_changes_give_any_other_label() -> None:
    changed = plant(LABELS, 0.1, "uniform", 0)
    assert (changed != LABELS).sum() == 100
    assert set(changed[changed != LABELS]) == set(range(10))


def test_pairs_change_only_digits_that_are_confused() -> None:
    changed = plant(LABELS, 0.1, "pairs", 0)
    wrong = changed != LABELS
    assert wrong.sum() == 100
    assert all(PAIRS[before] == after for before, after in zip(LABELS[wrong], changed[wrong], strict=True))


def test_found_and_ranked_labels_are_counted() -> None:
    wrong = np.array([True, False, True, False, False, False])
    listed = [0, 1, 3]
    ranking = np.array([0, 1, 2, 3, 4, 5])
    assert score(listed, ranking, wrong) == (3, 1 / 3, 1 / 2, [0.5, 1.0, 1.0])
    assert score(listed, ranking, np.zeros(6, bool)) == (3, 0.0, 0.0, [0.0, 0.0, 0.0])


def test_test_images_are_ranked_by_their_loss() -> None:
    rows = [Prediction(index, "a", "a", 0.5, loss) for index, loss in enumerate([0.1, 3.0, 0.2, 5.0])]
    assert rank_test_images(rows, [0, 3, 2]) == [1, 3, 4]


def test_digits_are_not_written_into_a_folder_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists already; choose another folder, or remove it"):
        write_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
