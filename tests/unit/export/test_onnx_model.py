import json

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from src.evaluate import EvaluateParams, predict
from src.export import to_onnx
from tests.test_model import network


@pytest.mark.parametrize(("shift", "members"), [(0, 1), (1, 3)])
def test_the_file_gives_the_vote_of_evaluate(shift: int, members: int) -> None:
    networks = [network((3, 20, 24), classes=4, crop=18, conv_channels=[[4, 4], [8]]) for _ in range(members)]
    for number, single in enumerate(networks):
        torch.manual_seed(number)
        single.train()(torch.rand(50, 3, 20, 24))  # sets BatchNorm's means and variances
        for layer in single.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight)
    data = to_onnx(networks, shift)
    assert data == to_onnx(networks, shift)
    assert b"src/model.py" not in data
    session = onnxruntime.InferenceSession(data)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["0", "1", "2", "3"]
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 20, 24), np.uint8)
    images //= np.arange(1, 6, dtype=np.uint8)[:, None, None, None]  # of different brightness
    params = EvaluateParams(batch_size=5, device="cpu", shift=shift, calibration_bins=15)
    expected = predict(networks, images, params, torch.device("cpu")).mean(0)
    assert np.ptp(expected, axis=0).max() > 1e-3  # else any constant would do
    for count in (5, 1):
        (probabilities,) = session.run(["probabilities"], {"images": images[:count]})
        assert np.abs(probabilities - expected[:count]).max() < 1e-6
