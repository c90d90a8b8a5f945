import pytest
import torch

from src.network.params import ModelParams
from src.train.runtime import choose_precision, describe_environment

CPU = torch.device("cpu")
MODEL = ModelParams()


def test_auto_precision_is_bf16_only_if_the_processor_supports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for supported, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda supported=supported: supported)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert choose_precision("auto", CPU, MODEL) == expected
    assert choose_precision("fp32", CPU, MODEL) == torch.float32
    assert choose_precision("bf16", CPU, MODEL) == torch.bfloat16


@pytest.mark.parametrize("channels", [[[8, 32], [64, 64], [128]], [[32, 8], [64]], [[4], [8]]])
def test_auto_precision_is_fp32_for_narrow_networks_on_a_cpu(
    channels: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    narrow = MODEL.model_copy(update={"conv_channels": channels})
    assert choose_precision("auto", CPU, narrow) == torch.float32
    assert choose_precision("bf16", CPU, narrow) == torch.bfloat16
    assert choose_precision("auto", CPU, MODEL.model_copy(update={"conv_channels": [[4]]})) == torch.bfloat16


def test_the_environment_names_versions_threads_and_precision() -> None:
    environment = describe_environment(CPU, torch.bfloat16)
    assert environment.torch == torch.__version__
    assert (environment.device, environment.precision) == ("cpu", "bfloat16")
    assert environment.threads == torch.get_num_threads()
