"""Networks and images in, their probabilities and the vote out; and predictions in, metrics out."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score
from torch import Tensor

from src.device import Device
from src.model import ConvNet
from src.params import Section


class EvaluateParams(Section):
    batch_size: Annotated[int, Field(ge=1, le=10**6)]
    device: Device
    shift: Annotated[int, Field(ge=0, le=10)]
    calibration_bins: Annotated[int, Field(ge=1, le=1000)]


class Predictions(NamedTuple):
    """Class indices int64 (N,) that were predicted, and all probabilities float64 (N, K)."""

    predicted: np.ndarray
    probabilities: np.ndarray

    @property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class (N,)."""
        return np.take_along_axis(self.probabilities, self.predicted[:, None], axis=1)[:, 0]


def check_fit(network: ConvNet, images: np.ndarray, classes: np.ndarray) -> None:
    """ValueError when the network was made for images of another shape or for other classes."""
    made_for = network.architecture
    if made_for.image_shape != images.shape[1:]:
        shapes = ["x".join(map(str, shape)) for shape in (made_for.image_shape, images.shape[1:])]
        raise ValueError(f"the model takes images of {shapes[0]}, the data has {shapes[1]}; train it on this data")
    if made_for.classes != classes.tolist():
        raise ValueError(
            f"the model tells {', '.join(made_for.classes)} apart, the data has {', '.join(classes)};"
            " train it on this data"
        )


@torch.inference_mode()
def predict(
    networks: Sequence[ConvNet], images: np.ndarray, params: EvaluateParams, device: torch.device
) -> np.ndarray:
    """Each network's probabilities float64 (M, N, K) for uint8 images (N, C, H, W), computed in float32.

    They are means over the image moved by up to params.shift pixels, zeros coming in from outside.
    """
    height, width = images.shape[2:]
    places = range(2 * params.shift + 1)
    for network in networks:
        network.eval().to(device)
    probabilities = []  # (M, batch, K)
    for batch in torch.from_numpy(images).split(params.batch_size):
        on_device = F.pad(batch.to(device, torch.float32).div_(255), [params.shift] * 4)
        views = [on_device[:, :, y : y + height, x : x + width] for y in places for x in places]
        probabilities.append(torch.stack([_mean_probabilities(network, views) for network in networks]))
    joined: np.ndarray = torch.cat(probabilities, dim=1).numpy()
    return joined


def _mean_probabilities(network: ConvNet, views: list[Tensor]) -> Tensor:
    log_probabilities = [network(view.contiguous(memory_format=torch.channels_last)).double() for view in views]
    return torch.softmax(torch.stack(log_probabilities), dim=2).mean(0).cpu()  # softmax: their sum is 1 in float64 too


def vote(probabilities: np.ndarray) -> Predictions:
    """The mean of the members' probabilities (M, N, K), and its likeliest classes."""
    mean = probabilities.mean(0)
    return Predictions(mean.argmax(1), mean)


def measure(predictions: Predictions, labels: np.ndarray, classes: np.ndarray, bins: int) -> dict[str, Any]:
    """Metrics of predictions against labels int64 (N,); classes: names (K,). All but the counts are means or shares.

    A class without an image has a recall of 0.
    """
    indices = np.arange(len(classes))
    right = predictions.predicted == labels
    recall = recall_score(labels, predictions.predicted, labels=indices, average=None, zero_division=0)
    return {
        "loss": float(log_loss(labels, predictions.probabilities, labels=indices)),
        "accuracy": float(accuracy_score(labels, predictions.predicted)),
        "errors": int((~right).sum()),
        "images": len(labels),
        "macro_f1": float(f1_score(labels, predictions.predicted, labels=indices, average="macro", zero_division=0)),
        "calibration_error": calibration_error(predictions.confidence, right, bins),
        "recall": dict(zip(classes.tolist(), recall.tolist(), strict=True)),
    }


def measure_members(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Accuracy of each of several members, their mean and their sample deviation; probabilities (M, N, K)."""
    accuracies = (probabilities.argmax(2) == labels).mean(1)
    return {
        "mean_accuracy": float(accuracies.mean()),
        "deviation": float(accuracies.std(ddof=1)),
        "accuracy": {str(member): accuracy for member, accuracy in enumerate(accuracies.tolist())},
    }


def describe_likeliest(probabilities: np.ndarray, classes: np.ndarray, count: int = 3) -> list[str]:
    """The likeliest classes of each row of probabilities (N, K) in words: `4: 61.2% · 9: 38.1% · 7: 0.4%`."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return [
        " · ".join(f"{classes[i]}: {row[i]:.1%}" for i in best) for row, best in zip(probabilities, order, strict=True)
    ]


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Expected calibration error: |share right - mean confidence| of each bin, weighted by its images.

    confidence float (N,) in [0, 1], right bool (N,); bins of equal width, each with its upper edge.
    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)  # a bin's images times its gap
    return float(np.abs(gaps).sum() / len(right))
