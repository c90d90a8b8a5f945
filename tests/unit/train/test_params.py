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
    with pytest.raises(ValidationError, match=r"train\.shards = 4: needs a train\.batch_size of at least 8"):
        make_train_params(batch_size=7, shards=4)


@pytest.mark.parametrize(
    ("images", "plan"),
    [
        (48_000, (8, 128, 3)),  # MNIST
        (12_800, (15, 128, 6)),
        (12_799, (8, 32, 3)),
        (3_000, (16, 32, 6)),
        (1_150, (42, 32, 16)),
        (300, (160, 32, 60)),
        (20, (160, 32, 60)),
    ],
)
def test_what_is_auto_follows_from_the_number_of_images(images: int, plan: tuple[int, int, int]) -> None:
    params = make_train_params(epochs="auto", batch_size="auto", patience="auto").train
    assert params.plan(images) == plan


def test_given_numbers_are_respected() -> None:
    params = make_train_params(epochs=5, batch_size="auto", patience=0, shards=100).train
    assert params.plan(500) == (5, 200, 0)
    params = make_train_params(epochs="auto", batch_size=50, patience="auto").train
    assert params.plan(5_000) == (15, 50, 6)
