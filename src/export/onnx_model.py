"""Convert trained networks to one ONNX model that needs neither this project nor PyTorch, and check the result.

The graph is built layer by layer rather than with torch.onnx, whose exporter needs another package, onnxscript; only
the deprecated exporter does not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from src.common.errors import UserError, recreate
from src.evaluate.params import EvaluateParams
from src.evaluate.prediction import average_probabilities, predict_probabilities
from src.export.classifier import INPUT, METADATA_KEY, OUTPUT, Classifier, Description, add_checksum
from src.network.convnet import ConvNet
from src.network.layers import Crop, Dropout

OPSET, IR_VERSION = 17, 8  # for ONNX Runtime 1.12, of 2022, or later
TOLERANCE = 1e-5  # largest difference allowed in a probability
SAMPLE = 500  # images whose probabilities are compared


def to_onnx(networks: Sequence[ConvNet], description: Description, features: onnx.ModelProto | None = None) -> bytes:
    """Convert networks to a model with the input `images`, uint8 (N, C, H, W), and the output `probabilities` (N, K).

    The probabilities are averaged over the networks and over shifted views of every image, as in the evaluate stage.
    features: the model that turns images into the features that the networks take; it becomes part of the result.
    """
    graph = _Graph()
    channels, height, width = description.image_shape
    opset, ir_version = OPSET, IR_VERSION
    if features:
        graph.nodes += features.graph.node
        graph.weights += features.graph.initializer
        inputs = features.graph.output[0].name
        opset, ir_version = features.opset_import[0].version, max(IR_VERSION, features.ir_version)
    else:
        inputs = graph.add("Div", graph.add("Cast", INPUT, to=TensorProto.FLOAT), graph.constant(np.float32(255)))
    # A single network without shifts needs none of the operators that programs other than ONNX Runtime may lack.
    if description.shift or len(networks) > 1:
        graph.add_average(networks, inputs, description)
    else:
        graph.add("Softmax", graph.add_layers(networks[0].layers, inputs), name=OUTPUT, axis=1)
    images = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", channels, height, width])
    result = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", len(description.classes)])
    model = helper.make_model(
        helper.make_graph(graph.nodes, METADATA_KEY, [images], [result], graph.weights),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
        producer_name="mnist-pipeline",
    )
    helper.set_model_props(model, {METADATA_KEY: description.model_dump_json(exclude_none=True)})
    onnx.checker.check_model(model, full_check=True)
    return add_checksum(model.SerializeToString())


def verify(
    classifier: Classifier,
    networks: Sequence[ConvNet],
    images: np.ndarray,
    predicted: Sequence[str],
    params: EvaluateParams,
    features: np.ndarray | None = None,
) -> float:
    """Compare an exported model with the networks that it was made from; return the largest difference in probability.

    images: uint8 (N, C, H, W), all test images; predicted: the N class names predicted by the evaluate stage; features:
    the features of the images, if the networks take features. The probabilities of the first 500 images are computed
    with PyTorch as well. Raise UserError if a probability differs by more than TOLERANCE, or exceeds that of the
    predicted class by more than TOLERANCE.
    """
    probabilities = classifier.predict(images)
    sample = (images if features is None else features)[:SAMPLE]
    expected = average_probabilities(predict_probabilities(networks, sample, params, torch.device("cpu"))).probabilities
    difference = float(np.abs(probabilities[:SAMPLE] - expected).max())
    if not difference <= TOLERANCE:
        raise UserError(f"a probability differs from PyTorch's by {difference:.1e}, more than {TOLERANCE:.0e}")
    classes = classifier.description.classes
    if len(predicted) != len(images) or not set(predicted) <= set(classes):
        raise UserError(f"predictions.csv does not match the test images; {recreate('evaluate')}")
    rows = [classes.index(name) for name in predicted]
    behind = probabilities.max(1) - probabilities[np.arange(len(rows)), rows]
    if count := int((behind > TOLERANCE).sum()):  # classes of nearly equal probability may swap
        raise UserError(f"the predictions for {count:,} of {len(rows):,} test images differ from PyTorch's")
    return difference


class _Graph:
    """The nodes and weights of a graph under construction; methods take and return the names of tensors."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [*inputs], [output], name=output, **attributes))
        return output

    def constant(self, values: Any) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add_average(self, networks: Sequence[ConvNet], images: str, description: Description) -> None:
        """Average the probabilities over the networks and over shifted views of every image."""
        (_, height, width), shift = description.image_shape, description.shift
        views = images
        if shift:
            padded = self.add("Pad", images, self.constant([0, 0, shift, shift] * 2))
            corners = [(y, x) for y in range(2 * shift + 1) for x in range(2 * shift + 1)]
            crops = [self.slice(padded, [y, x], [y + height, x + width]) for y, x in corners]
            views = self.add("Concat", *crops, axis=0)
            shape = self.constant([len(corners), -1, len(description.classes)])
        outputs = []
        for network in networks:
            probabilities = self.add("Softmax", self.add_layers(network.layers, views), axis=1)
            if shift:
                by_view = self.add("Reshape", probabilities, shape)
                probabilities = self.add("ReduceMean", by_view, axes=[0], keepdims=0)
            outputs.append(probabilities)
        self.add("Mean", *outputs, name=OUTPUT)

    def slice(self, images: str, start: Sequence[int], end: Sequence[int]) -> str:
        """Cut out rows and columns."""
        return self.add("Slice", images, *[self.constant(values) for values in (start, end, [2, 3])])

    def add_layers(self, layers: nn.Sequential, values: str) -> str:
        for layer in layers:
            values = self._add_layer(layer, values)
        return values

    def _add_layer(self, layer: nn.Module, values: str) -> str:
        def weights(*tensors: Tensor | None) -> list[str]:
            return [self.constant(tensor.detach().numpy()) for tensor in tensors if tensor is not None]

        match layer:
            case Crop():
                start = layer.margin // 2
                return self.slice(values, [start, start], [start - layer.margin] * 2)
            case nn.Conv2d():
                return self.add(
                    "Conv", values, *weights(layer.weight, layer.bias), kernel_shape=[3, 3], pads=[1, 1, 1, 1]
                )
            case nn.Linear():
                return self.add("Gemm", values, *weights(layer.weight, layer.bias), transB=1)
            case nn.LeakyReLU():
                return self.add("LeakyRelu", values, alpha=layer.negative_slope)
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                tensors = weights(layer.weight, layer.bias, layer.running_mean, layer.running_var)
                return self.add("BatchNormalization", values, *tensors, epsilon=layer.eps)
            case nn.MaxPool2d():
                return self.add("MaxPool", values, kernel_shape=[2, 2], strides=[2, 2])
            case nn.Flatten():
                return self.add("Flatten", values)
            case Dropout():
                return values
        raise AssertionError(f"no conversion for {layer}")
