import numpy as np
import pytest
import torch

from src.common.dataset import Split
from src.common.errors import UserError
from src.train.data import select_data, split_into_batches
from tests.builders import make_dataset, make_train_params

DATA = make_dataset(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1), np.arange(5), list("abcde"))


@pytest.mark.parametrize("count", [2, 16, 17, 33])
def test_a_single_row_left_over_joins_the_last_batch(count: int) -> None:
    rows = torch.arange(count)
    batches = split_into_batches(rows, 16)
    assert min(len(batch) for batch in batches) > 1
    assert torch.equal(torch.cat(batches), rows)


def test_two_rows_left_over_are_a_batch() -> None:
    assert [len(batch) for batch in split_into_batches(torch.arange(34), 16)] == [16, 16, 2]


@pytest.mark.parametrize(("train", "validation"), [([0, 1, 1], [2]), ([0, 1], [1, 2]), ([0, 5], [1]), ([-1, 0], [1])])
def test_rows_that_overlap_or_do_not_exist_are_rejected(train: list[int], validation: list[int]) -> None:
    split = Split(np.array(train), np.array(validation))
    with pytest.raises(UserError, match="rows that occur twice or do not exist; run `dvc repro split`"):
        select_data(DATA, split, make_train_params().train, torch.device("cpu"))


def test_a_refit_selects_all_rows_for_training() -> None:
    split = Split(np.array([0, 2, 4]), np.array([1, 3]))
    cpu = torch.device("cpu")
    data = select_data(DATA, split, make_train_params().train, cpu)
    assert data.validation is not None
    assert data.training.labels.tolist() == [0, 2, 4]
    assert data.validation.images.flatten().tolist() == [1, 3]
    refit = select_data(DATA, split, make_train_params(refit=True).train, cpu)
    assert refit.training.labels.tolist() == [0, 1, 2, 3, 4]
    assert refit.validation is None


@pytest.mark.parametrize(("count", "expected"), [(40, [16, 16, 8]), (39, [16, 23]), (7, [7])])
def test_every_shard_of_a_batch_has_two_rows(count: int, expected: list[int]) -> None:
    assert [len(batch) for batch in split_into_batches(torch.arange(count), 16, shards=4)] == expected
