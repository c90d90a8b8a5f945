"""Compute class probabilities and predictions with trained networks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from src.common.dataset import Dataset
from src.common.errors import UserError
from src.evaluate.params import EvaluateParams
from src.network.backbone import Backbone
from src.network.convnet import ConvNet, to_input


class Predictions(NamedTuple):
    """Predicted class indices int64 (N,) and the probabilities of all classes float64 (N, K)."""

    predicted: np.ndarray
    probabilities: np.ndarray

    @property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class (N,)."""
        confidence: np.ndarray = self.probabilities.max(1)
        return confidence


def check_compatible(network: ConvNet, data: Dataset, backbone: Backbone | None = None) -> None:
    """Raise UserError if the network was trained for images of another shape, other classes or another backbone."""
    architecture = network.architecture
    if architecture.backbone != backbone:
        expected, found = (
            f"the backbone {one.file} (MD5 {one.md5})" if one else "no backbone"
            for one in (architecture.backbone, backbone)
        )
        raise UserError(
            f"the model was trained with {expected}, but model.backbone names {found}; retrain it with `dvc repro`"
        )
    if architecture.image_shape != data.images.shape[1:]:
        expected, found = ("x".join(map(str, shape)) for shape in (architecture.image_shape, data.images.shape[1:]))
        raise UserError(
            f"the model expects images of shape {expected}, but the data has {found}; retrain it on this data"
        )
    if architecture.classes != data.classes:
        raise UserError(
            f"the model knows the classes {', '.join(architecture.classes)}, but the data has"
            f" {', '.join(data.classes)}; retrain it on this data"
        )


@torch.inference_mode()
def predict_probabilities(
    networks: Sequence[ConvNet], images: np.ndarray, params: EvaluateParams, device: torch.device
) -> np.ndarray:
    """Compute probabilities, float64 (M, N, K), with M networks for uint8 images (N, C, H, W) or features (N, F).

    If params.shift is above 0, each network averages over shifted views of every image.
    """
    for network in networks:
        network.eval().to(device)
    probabilities = []  # (M, batch, K)
    batches = torch.from_numpy(images).split(params.batch_size)
    for batch in tqdm(batches, desc="predict", unit="batch", leave=False, delay=1, disable=None):
        inputs = to_input(batch, device)
        views = shifted_views(inputs, params.shift) if params.shift else [inputs]
        probabilities.append(torch.stack([_mean_probabilities(network, views) for network in networks]))
    joined: np.ndarray = torch.cat(probabilities, dim=1).numpy()
    return joined


def average_probabilities(probabilities: np.ndarray) -> Predictions:
    """Average the networks' probabilities (M, N, K), and predict the most probable class of each image."""
    mean = probabilities.mean(0)
    return Predictions(mean.argmax(1), mean)


def _mean_probabilities(network: ConvNet, views: list[Tensor]) -> Tensor:
    log_probabilities = [network(view).double() for view in views]
    return torch.softmax(torch.stack(log_probabilities), dim=2).mean(0).cpu()  # softmax makes them sum to 1 in float64


def shifted_views(images: Tensor, shift: int) -> list[Tensor]:
    """Shift images (N, C, H, W) by up to shift pixels along each axis, padding with zeros: (2 * shift + 1)**2 views."""
    height, width = images.shape[2:]
    offsets = range(2 * shift + 1)
    padded = F.pad(images, [shift] * 4)
    return [padded[:, :, y : y + height, x : x + width] for y in offsets for x in offsets]
