import numpy as np
import pytest

from src.split import SplitParams, stratified_split

CLASSES = np.array(["a", "b"])


def params(fraction: float = 0.2, seed: int = 0) -> SplitParams:
    return SplitParams(validation_fraction=fraction, seed=seed)


def test_shares_are_equal_in_every_class() -> None:
    labels = np.repeat([0, 1], [100, 50])
    train, validation = stratified_split(labels, CLASSES, params())
    assert np.bincount(labels[train]).tolist() == [80, 40]
    assert np.bincount(labels[validation]).tolist() == [20, 10]
    assert train.dtype == validation.dtype == np.int64
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(150))
    assert np.array_equal(train, np.sort(train))


def test_seed_decides() -> None:
    labels = np.repeat([0, 1], [100, 50])
    first, again, other = (stratified_split(labels, CLASSES, params(seed=seed))[1] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("counts", "fraction", "message"),
    [
        ([10, 1], 0.5, "does not fit 11 images"),
        ([10, 0], 0.5, "leaves no image to train of class b"),
        ([100, 2], 0.1, "leaves no image to validate of class b"),
        ([100, 2], 0.9, "leaves no image to train of class b"),
        ([10, 10], 0.001, "does not fit 20 images"),
    ],
)
def test_a_class_without_a_row_on_one_side_is_refused(counts: list[int], fraction: float, message: str) -> None:
    with pytest.raises(ValueError, match=rf"split.validation_fraction = {fraction} {message}"):
        stratified_split(np.repeat([0, 1], counts), CLASSES, params(fraction))
