"""Precise BatchNorm statistics after short epochs, when the running averages are out of date."""

import math

import torch
from torch import nn

from src.train.data import LabelledImages
from src.train.learner import Learner

BATCH = 250  # images, at most


@torch.no_grad()
def recompute_statistics(learner: Learner, data: LabelledImages) -> None:
    """Set the running mean and variance of all BatchNorm layers to those of the training images.

    Everything else is as in prediction: no dropout, centred crops. The images are shuffled, so that every batch mixes
    the classes; all batches are of the same size, because they count equally.
    Source: Wu and Johnson, Rethinking "Batch" in BatchNorm, 2021, section 3.
    """
    layers = [layer for layer in learner.network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    learner.network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # average over all batches
        layer.train()
    order = torch.randperm(len(data.labels)).to(data.labels.device)
    for rows in order.tensor_split(math.ceil(len(order) / BATCH)):
        learner.predict(data.select(rows)[0])
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
