import json

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from src.evaluate.prediction import average_networks, predict_probabilities
from src.export.onnx_model import to_onnx
from tests.builders import make_evaluate_params, make_network


@pytest.mark.parametrize(("shift", "members"), [(0, 1), (1, 3)])
def test_the_exported_model_agrees_with_evaluate(shift: int, members: int) -> None:
    networks = [make_network((3, 20, 24), classes=4, crop=3, conv_channels=[[4, 4], [8]]) for _ in range(members)]
    for number, network in enumerate(networks):
        torch.manual_seed(number)
        network.train()(torch.rand(50, 3, 20, 24))  # sets BatchNorm's means and variances
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.3)
    data = to_onnx(networks, shift)
    assert data == to_onnx(networks, shift)
    assert b"src/network" not in data  # no source lines
    session = onnxruntime.InferenceSession(data)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["0", "1", "2", "3"]
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 20, 24), np.uint8)
    images //= np.arange(1, 6, dtype=np.uint8)[:, None, None, None]  # of different brightness
    params = make_evaluate_params(batch_size=5, shift=shift)
    expected = average_networks(predict_probabilities(networks, images, params, torch.device("cpu"))).probabilities
    assert np.ptp(expected, axis=0).max() > 1e-3  # or a model that ignores its input would pass
    for count in (5, 1):
        (probabilities,) = session.run(["probabilities"], {"images": images[:count]})
        assert np.abs(probabilities - expected[:count]).max() < 1e-6
