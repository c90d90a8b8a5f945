import numpy as np
import pytest

from src.common.dataset import Dataset
from src.common.errors import UserError
from src.split.params import SplitParams
from src.split.stratified import describe_imbalance, split_rows
from tests.builders import make_dataset


def make_data(*counts: int) -> Dataset:
    """A training set with these numbers of images of the classes a and b."""
    labels = np.repeat([0, 1], counts)
    return make_dataset(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, ["a", "b"])


def make_params(fraction: float = 0.2, seed: int = 0) -> SplitParams:
    return SplitParams(validation_fraction=fraction, seed=seed)


def test_fractions_are_equal_in_every_class() -> None:
    data = make_data(100, 50)
    train, validation = split_rows(data, make_params())
    labels = data.labels
    assert np.bincount(labels[train]).tolist() == [80, 40]
    assert np.bincount(labels[validation]).tolist() == [20, 10]
    assert train.dtype == validation.dtype == np.int64
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(150))
    for rows in (train, validation):
        assert np.array_equal(rows, np.sort(rows))


def test_the_split_depends_on_the_seed() -> None:
    data = make_data(100, 50)
    first, again, other = (split_rows(data, make_params(seed=seed)).validation for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("count", [0, 1])
def test_a_class_needs_an_image_on_each_side(count: int) -> None:
    with pytest.raises(UserError, match=r"every class needs at least 2 images in the training set, .*; add some for b"):
        split_rows(make_data(10, count), make_params())


@pytest.mark.parametrize("counts", [(2, 2), (100, 2), (10, 10), (3, 50)])
@pytest.mark.parametrize("fraction", [0.001, 0.2, 0.9])
def test_a_small_class_is_on_both_sides(counts: tuple[int, int], fraction: float) -> None:
    data = make_data(*counts)
    train, validation = split_rows(data, make_params(fraction))
    assert set(data.labels[train]) == set(data.labels[validation]) == {0, 1}
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(sum(counts)))
    again = split_rows(data, make_params(fraction))
    assert np.array_equal(train, again.train)


def test_images_given_for_validation_are_used() -> None:
    data = make_data(5, 5)._replace(validation=np.array([0, 7]))
    train, validation = split_rows(data, make_params(0.9))
    assert (train.tolist(), validation.tolist()) == ([1, 2, 3, 4, 5, 6, 8, 9], [0, 7])
    with pytest.raises(UserError, match=r"every class needs at least 1 image in the training set; add some for b"):
        split_rows(make_data(5, 1)._replace(validation=np.array([5])), make_params())


def test_a_class_with_less_than_a_tenth_of_the_largest_one_is_named() -> None:
    classes = ["cat", "dog", "owl"]
    assert describe_imbalance(np.array([1000, 500, 100]), classes) == ""
    assert describe_imbalance(np.array([1000, 500, 99]), classes) == (
        "warning: class owl has only 99 training images, but class cat has 1,000; train.class_weights: balanced can"
        " help"
    )
