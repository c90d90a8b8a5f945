"""Training and evaluation on CUDA. On a machine with a GPU: `python -m pytest tests/gpu`, see docs/scaling.md."""

import copy
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML
from torch import Tensor

from src.common.artifacts import EpochMetrics
from src.common.dataset import Split
from src.evaluate.prediction import predict_probabilities
from src.network.convnet import ConvNet
from src.network.device import choose_device
from src.network.layers import MaxPool2d
from src.params.params import default_values
from src.train.augmentation import augment
from src.train.checkpoint import Checkpoint
from src.train.data import LabelledImages, TrainingData
from src.train.learner import Learner
from src.train.params import AugmentParams, TrainParams, TrainSections
from src.train.recording import record_gradients
from src.train.runtime import make_deterministic
from src.train.sharding import step_in_shards
from src.train.training import train
from tests.builders import AUGMENTATION, make_dataset, make_evaluate_params, make_network
from tests.unit.network.test_backbone import write_backbone

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
ROOT = Path(__file__).parent.parent.parent
GPU, CPU = torch.device("cuda"), torch.device("cpu")
AUGMENT = AugmentParams.model_validate(AUGMENTATION)


class StoppedError(Exception):
    """Raised by a test to stop a training run."""


@pytest.fixture(autouse=True)
def deterministic() -> None:
    make_deterministic(threads=0)


def make_images(count: int, device: torch.device = GPU) -> LabelledImages:
    """Noise of 1x28x28 pixels with a bright row for its label."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (count,), generator=generator)
    images = torch.randint(0, 128, (count, 1, 28, 28), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), 0, 2 + 2 * labels] += 100
    return LabelledImages(images.to(device), labels.to(device))


def make_learner(data: LabelledImages, precision: torch.dtype = torch.bfloat16, **train: Any) -> Learner:
    params = TrainParams.model_validate(default_values()["train"] | train)
    return Learner(make_network(crop=4, pool_first=True), data, params, precision)


def computing(learner: Learner, data: LabelledImages) -> Any:
    def compute(rows: Tensor, batch_size: int) -> Tensor:
        images, labels = data.select(rows)
        return learner.backpropagate(augment(images, AUGMENT), labels, batch_size)

    return compute


def gradients(network: ConvNet) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]


def train_network(
    folder: Path, epochs: int = 3, device: torch.device = GPU, on_epoch: Any = lambda _: None, **changes: Any
) -> tuple[ConvNet, list[EpochMetrics]]:
    sections = default_values()
    values = sections["train"] | {"epochs": epochs, "batch_size": 32, **changes}
    params = TrainSections(make_network(crop=4).architecture.model, AUGMENT, TrainParams.model_validate(values))
    network = make_network(crop=4, pool_first=True)
    data = TrainingData(make_images(3200, device), make_images(500, device))
    precision = torch.bfloat16 if device == GPU else torch.float32
    return network, train(network, data, params, precision, Checkpoint(folder, "test"), on_epoch).history


def same_weights(one: ConvNet, other: ConvNet) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def test_auto_chooses_the_gpu() -> None:
    assert choose_device("auto", "train.device").type == choose_device("cuda", "train.device").type == "cuda"


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_pooling_is_that_of_the_cpu(memory_format: torch.memory_format) -> None:
    images = torch.randint(0, 4, (8, 3, 7, 9)).float().contiguous(memory_format=memory_format)  # with ties
    computed = []
    for device in (CPU, GPU):
        values = images.to(device, copy=True).requires_grad_()
        pooled = MaxPool2d()(values)
        (pooled * torch.arange(pooled.numel(), device=device).view(pooled.shape)).sum().backward()
        assert values.grad is not None
        computed.append((pooled.detach().cpu(), values.grad.cpu()))
    assert torch.equal(computed[0][0], computed[1][0])
    assert torch.equal(computed[0][1], computed[1][1])


def test_recorded_gradients_are_those_without_recording() -> None:
    data = make_images(500)
    learner = make_learner(data)
    network = learner.network.train()
    compute = computing(learner, data)
    before = copy.deepcopy(network.state_dict())
    torch.manual_seed(1)
    recorded = record_gradients(compute, network, torch.arange(100, device=GPU), 100)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    results = []
    for function in (compute, recorded):
        network.load_state_dict(before)
        torch.manual_seed(1)
        for rows in (torch.arange(100, device=GPU), torch.arange(300, 400, device=GPU), torch.arange(50, device=GPU)):
            losses = function(rows, len(rows))
            results.append([losses, *gradients(network), *(buffer.clone() for buffer in network.buffers())])
            for parameter in network.parameters():
                parameter.grad = None
        results.append([torch.rand(3, device=GPU)])
    half = len(results) // 2
    for expected, found in zip(results[:half], results[half:], strict=True):
        assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


def test_shards_leave_the_random_numbers_alone() -> None:
    data = make_images(100)
    learner = make_learner(data, shards=4)
    learner.network.train()
    torch.manual_seed(1)
    before = torch.cuda.get_rng_state()
    step_in_shards(learner, computing(learner, data), torch.arange(100, device=GPU), Fraction(0), (0, 1, 1))
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_repeated_and_a_resumed_training_give_the_same_bits(tmp_path: Path, shards: int) -> None:
    first, history = train_network(tmp_path / "first", shards=shards)
    again, history_again = train_network(tmp_path / "again", shards=shards)
    assert history == history_again
    assert same_weights(first, again)
    assert history[-1].validation_accuracy > 0.5

    def stop(history: list[EpochMetrics]) -> None:
        if len(history) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_network(tmp_path / "stopped", on_epoch=stop, shards=shards)
    resumed, history_resumed = train_network(tmp_path / "stopped", shards=shards)
    assert history_resumed == history
    assert same_weights(first, resumed)


def test_models_are_evaluated_alike_on_both_devices(tmp_path: Path) -> None:
    images = make_images(500, CPU).images.numpy()
    for device in (CPU, GPU):
        network, _ = train_network(tmp_path / device.type, device=device)
        params = make_evaluate_params(batch_size=100, shift=1)
        on_cpu, on_gpu = (predict_probabilities([network], images, params, where) for where in (CPU, GPU))
        assert np.abs(on_cpu - on_gpu).max() < 1e-4


def run_stage(folder: Path, stage: str, changes: dict[str, dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Run a stage on 4,000 images in a folder of its own."""
    data = make_images(4000, CPU)
    dataset = make_dataset(data.images.numpy(), data.labels.numpy(), [str(digit) for digit in range(10)])
    for name in ("train", "test"):
        dataset.save(folder / f"data/download/{name}.npz")
    Split(np.arange(3600), np.arange(3600, 4000)).save(folder / "data/split/indices.npz")
    sections = default_values()
    for section, values in changes.items():
        sections[section].update(values)
    YAML().dump(sections, folder / "params.yaml")
    (folder / "backbone").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "stages", stage]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def test_the_stage_trains_on_the_gpu_and_the_stage_after_it_evaluates(tmp_path: Path) -> None:
    result = run_stage(tmp_path, "train", {"train": {"epochs": 2, "device": "cuda"}})
    assert result.returncode == 0, result.stderr
    assert "train: on cuda in bfloat16" in result.stdout
    assert torch.cuda.get_device_name() in (tmp_path / "data/train/environment.json").read_text()
    for device in ("cuda", "cpu"):
        result = run_stage(tmp_path, "evaluate", {"evaluate": {"device": device}})
        assert result.returncode == 0, result.stderr


def test_features_of_a_backbone_are_learned_on_the_gpu_with_the_same_bits(tmp_path: Path) -> None:
    models = []
    for name in ("first", "again"):
        folder = tmp_path / name
        folder.mkdir()
        changes: dict[str, dict[str, Any]] = {
            "model": {"backbone": write_backbone(folder).name},
            "train": {"epochs": 2},
        }
        result = run_stage(folder, "train", changes)
        assert result.returncode == 0, result.stderr
        assert "train: on cuda in float32" in result.stdout
        models.append((folder / "data/train/model.safetensors").read_bytes())
        for device in ("cuda", "cpu"):
            result = run_stage(folder, "evaluate", changes | {"evaluate": {"device": device}})
            assert result.returncode == 0, result.stderr
    assert models[0] == models[1]


def test_too_little_memory_is_one_message(tmp_path: Path) -> None:
    wide = {"conv_channels": [[65536], [8]], "hidden_units": []}  # a batch takes 400 GB
    result = run_stage(tmp_path, "train", {"model": wide, "train": {"batch_size": 4000}})
    assert result.returncode == 1
    assert "out of memory" in result.stderr
    assert "Traceback" not in result.stderr
