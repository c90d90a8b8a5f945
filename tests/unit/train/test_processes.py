import pytest
import torch

from src.common.errors import UserError
from src.train.processes import Group, choose_process_count, join_group
from tests.builders import make_train_params


def choose(shards: int = 1, members: int = 1) -> int:
    return choose_process_count(make_train_params(shards=shards, members=members).train)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8])
def test_every_item_is_in_one_share_and_in_order(count: int, size: int) -> None:
    items = list(range(count))
    assert [item for rank in range(size) for item in Group(rank, size).share(items)] == items


def test_one_process_is_used_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAIN_PROCESSES", raising=False)
    assert choose(shards=4) == choose(members=4) == 1


@pytest.mark.parametrize(
    ("train", "expected"),
    [({"shards": 4}, 4), ({"shards": 8}, 4), ({"shards": 5}, 5), ({"members": 2, "shards": 3}, 2), ({}, 1)],
)
def test_one_process_is_used_per_gpu_that_has_work(
    monkeypatch: pytest.MonkeyPatch, train: dict[str, int], expected: int
) -> None:
    monkeypatch.delenv("TRAIN_PROCESSES", raising=False)
    monkeypatch.setattr("src.train.processes.choose_device", lambda *_: torch.device("cuda"))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 6)
    assert choose(**train) == expected


def test_the_environment_overrides_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_PROCESSES", "2")
    assert choose(shards=4) == choose(members=3) == 2


@pytest.mark.parametrize("value", ["0", "two", "-1", "1.5", "", "9999"])
def test_numbers_that_make_no_sense_are_rejected(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRAIN_PROCESSES", value)
    with pytest.raises(UserError, match=f"TRAIN_PROCESSES = '{value}': must be a whole number from 1 to 1,024"):
        choose()


def test_processes_that_cannot_share_the_shards_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_PROCESSES", "3")
    with pytest.raises(UserError, match=r"3 processes cannot share train\.shards = 4 evenly"):
        choose(shards=4)


@pytest.mark.parametrize("value", ["0", "soon", "-1", "inf", "1.5"])
def test_time_limits_that_make_no_sense_are_rejected(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRAIN_TIMEOUT", value)
    with pytest.raises(UserError, match="must be a whole number from 1 to 1,000,000"), join_group():
        raise AssertionError


def test_processes_that_differ_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(0, 2)
    monkeypatch.setattr(group, "gather_objects", lambda own: [own, own | {"threads": 4}])
    with pytest.raises(UserError, match="threads: 2 in process 0, but 4 in process 1"):
        group.check_same({"torch": "2.9", "threads": 2})
