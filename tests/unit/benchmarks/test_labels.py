import numpy as np

from benchmarks.labels import PAIRS, plant

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
