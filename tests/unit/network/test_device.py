import pytest
import torch

from src.common.errors import UserError
from src.network.device import choose_device

CPU = torch.device("cpu")


def test_auto_is_cuda_if_it_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto", "train.device").type == "cuda"
    assert choose_device("cpu", "train.device") == CPU


def test_auto_is_the_cpu_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", "train.device") == CPU
    with pytest.raises(UserError, match=r"train.device = 'cuda', but PyTorch .* finds no CUDA device"):
        choose_device("cuda", "train.device")
