import pytest
from pydantic import ValidationError

from tests.builders import NO_AUGMENTATION, make_train_params


def test_clean_epochs_do_not_matter_without_augmentation() -> None:
    assert not make_train_params(NO_AUGMENTATION | {"clean_epochs": 9}, epochs=3).augment.enabled


def test_the_seeds_of_all_networks_must_be_valid() -> None:
    assert make_train_params(seed=2**32 - 2, members=2).train.members == 2
    with pytest.raises(ValidationError, match=r"with train\.members = 3 the last seed would exceed 4294967295"):
        make_train_params(seed=2**32 - 2, members=3)


def test_parts_must_have_two_images() -> None:
    assert make_train_params(batch_size=8, shards=4).train.shards == 4
    with pytest.raises(ValidationError, match=r"train\.shards = 4: needs train\.batch_size of at least 8"):
        make_train_params(batch_size=7, shards=4)
