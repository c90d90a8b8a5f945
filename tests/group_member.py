"""Train tiny networks in one process of a group, and compare and write what comes out: python -m tests.group_member.

The file named by RESULTS gets one line per training run, from process 0.
"""

import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch

from src.network.model_file import encode_networks
from src.train.checkpoint import Checkpoint
from src.train.data import SHORT_EPOCH, TrainingData
from src.train.processes import ALONE, Group, join_group
from src.train.training import train
from tests.builders import AUGMENTATION, NO_AUGMENTATION, make_images, make_tiny_network, make_train_params

VALIDATION_BATCH = 3  # images
CASES: list[dict[str, Any]] = [
    {},
    {"augment": AUGMENTATION, "class_weights": "balanced", "schedule": "constant"},
    {"augment": AUGMENTATION, "skip_easy": 0.8, "patience": 1},
    {"refit": True, "batch_size": 9},
    {"precision": torch.bfloat16},
    # Validation images: one batch or its neighbours, as many batches as there are processes, a prime number.
    *({"validation": count, "epochs": 1} for count in (1, 2, 3, 4, 11, 12, 13, 37)),
]


def train_all(group: Group) -> list[str]:
    """Train one network per case, in shards; return a line with its weights, history and losses."""
    return [train_case(case, group) for case in CASES]


def train_case(case: dict[str, Any], group: Group) -> str:
    """Train a network; return a line with its weights, history and losses."""
    torch.set_num_threads(1)  # another number gives other results
    changes = case.copy()
    precision = changes.pop("precision", torch.float32)
    images = make_images(99)
    held_out = None if changes.get("refit") else make_images(changes.pop("validation", 20), seed=1)
    params = make_train_params(changes.pop("augment", NO_AUGMENTATION), shards=4, **changes)
    network = make_tiny_network()
    short_epoch = 1 if params.train.skip_easy else SHORT_EPOCH
    with (
        TemporaryDirectory() as folder,
        patch("src.train.learner.SMALL_DATA", 1),
        patch("src.train.training.SHORT_EPOCH", short_epoch),
        patch("src.train.validation.BATCH", VALIDATION_BATCH),
    ):
        checkpoint = Checkpoint(Path(folder), "test", group=group)
        data = TrainingData(images, held_out)
        run = train(network, data, params, precision, checkpoint, lambda _: None, group)
    results = [encode_networks([network]), *(part.numpy().tobytes() for part in run.doubts)]
    return f"{case} {sha256(b''.join(results)).hexdigest()} {run.history}"


def wait_longer_than_the_time_limit(group: Group) -> None:
    """Wait at the barrier for the last process, which trains a network, while the time limit is a millisecond."""
    hasty = Group(group.rank, group.size, timeout=0.001)
    hasty.connect(torch.device("cpu"))
    if hasty.rank == hasty.size - 1:
        train_case(CASES[0], ALONE)
    hasty.barrier()


def main() -> None:
    with join_group() as group:
        results = group.gather_objects(train_all(group))
        assert results == [results[0]] * group.size
        wait_longer_than_the_time_limit(group)
        if group.rank == 0:
            Path(os.environ["RESULTS"]).write_text("\n".join(results[0]))


if __name__ == "__main__":
    main()
