import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from src.common.errors import UserError
from src.evaluate.prediction import average_probabilities, predict_probabilities
from src.export.classifier import Classifier, Description
from src.export.onnx_model import to_onnx, verify
from src.network.convnet import ConvNet
from tests.builders import make_classifier, make_evaluate_params, make_sensitive_network

SHAPE = (3, 20, 24)


def make_networks(count: int, first_seed: int = 0) -> list[ConvNet]:
    return [make_sensitive_network(SHAPE, seed=seed) for seed in range(first_seed, first_seed + count)]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), np.uint8)
    return pixels // np.arange(1, 6, dtype=np.uint8)[:, None, None, None]  # of different brightness


@pytest.mark.parametrize(("shift", "members"), [(0, 1), (1, 3)])
def test_the_exported_model_agrees_with_evaluate(shift: int, members: int, images: np.ndarray) -> None:
    networks = make_networks(members)
    classifier = make_classifier(networks, shift)
    params = make_evaluate_params(batch_size=5, shift=shift)
    expected = average_probabilities(predict_probabilities(networks, images, params, torch.device("cpu"))).probabilities
    # Otherwise, a model that ignores its input would pass.
    assert np.ptp(expected, axis=0).max() > 1e-3, "change make_sensitive_network: it hardly depends on its input"
    for count in (5, 1):
        assert np.abs(classifier.predict(images[:count]) - expected[:count]).max() < 1e-6
    predicted = [str(index) for index in expected.argmax(1)]
    assert verify(classifier, networks, images, predicted, params) < 1e-6


@pytest.mark.parametrize(("shift", "members"), [(0, 1), (0, 2), (1, 1)])
def test_every_constant_is_used(shift: int, members: int) -> None:
    """ONNX Runtime would warn of one that is not."""
    networks = make_networks(members)
    graph = onnx.load_model_from_string(to_onnx(networks, make_classifier(networks, shift).description)).graph
    assert {weights.name for weights in graph.initializer} <= {name for node in graph.node for name in node.input}


def test_equal_networks_give_equal_bytes_that_state_their_opset() -> None:
    networks = make_networks(1)
    description = make_classifier(networks).description
    data = to_onnx(networks, description)
    assert data == to_onnx(networks, description)
    session = onnxruntime.InferenceSession(data)
    assert session.get_inputs()[0].shape == ["N", *SHAPE]
    assert Description.model_validate_json(session.get_modelmeta().custom_metadata_map["classifier"]) == description


def test_a_model_that_differs_from_pytorch_is_refused(images: np.ndarray) -> None:
    networks = make_networks(1)
    classifier, params = make_classifier(networks), make_evaluate_params()
    right = [str(index) for index in classifier.predict(images).argmax(1)]
    with pytest.raises(UserError, match=r"differs from PyTorch's by .*, more than 1e-05"):
        verify(make_classifier(make_networks(1, first_seed=1)), networks, images, right, params)
    wrong = ["0" if name != "0" else "1" for name in right[:2]] + right[2:]
    with pytest.raises(UserError, match="the predictions for 2 of 5 test images differ from PyTorch's"):
        verify(classifier, networks, images, wrong, params)
    for unfit in (right[1:], ["unknown", *right[1:]]):
        with pytest.raises(UserError, match=r"does not match the test images; run `dvc repro evaluate`"):
            verify(classifier, networks, images, unfit, params)


def test_a_probability_that_is_not_a_number_is_refused(images: np.ndarray) -> None:
    networks = make_networks(1)
    classifier = make_classifier(networks)
    broken = Classifier(BrokenSession(), classifier.description)
    with pytest.raises(UserError, match="probabilities do not sum to 1"):
        verify(broken, networks, images, [], make_evaluate_params())


class BrokenSession:
    def run(self, _: object, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [np.full((len(inputs["images"]), 4), np.nan, np.float32)]


def test_a_single_network_without_shifts_runs_in_opencv_too() -> None:
    network = make_sensitive_network((1, 20, 24))
    classifier = make_classifier([network])
    model = onnx.load_model_from_string(to_onnx([network], classifier.description))
    assert not {node.op_type for node in model.graph.node} & {"Pad", "Concat", "Reshape", "ReduceMean", "Mean"}
    kernels = [[a.name for a in node.attribute] for node in model.graph.node if node.op_type == "Conv"]
    assert all("kernel_shape" in names for names in kernels)
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 20, 24), np.uint8)
    (expected,) = ReferenceEvaluator(model).run(None, {"images": images})
    assert np.abs(classifier.predict(images) - expected).max() < 1e-6
    opencv = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    for count in (3, 1):
        opencv.setInput(images[:count].astype(np.float32))
        assert np.abs(opencv.forward() - np.asarray(expected)[:count]).max() < 1e-6
