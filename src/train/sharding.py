"""A training step on a batch that is cut into shards, with the same result however many processes share them.

Each shard is a batch of its own for everything random and for BatchNorm; only the gradients and the running statistics
of the shards are combined, in the order of the shards.
Source: Hoffer et al., Train Longer, Generalize Better, 2017, for the statistics of shards ("ghost batches").
"""

from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from src.train.data import derive_seed
from src.train.learner import Learner
from src.train.recording import ComputeGradients


def step_in_shards(
    learner: Learner,
    compute_gradients: ComputeGradients,
    rows: Tensor,
    progress: Fraction,
    seed: tuple[int, ...],
) -> Tensor:
    """Update the weights from the images in rows (N,), and return the loss of each image, float32 (N,).

    compute_gradients is called with each shard. progress: as for Learner.update. seed: that of the network, and the
    numbers of the epoch and the step.
    """
    network, group = learner.network, learner.group
    shards = list(enumerate(rows.tensor_split(learner.params.shards), start=1))
    longest = len(shards[0][1])
    buffers = list(network.buffers())  # BatchNorm's running statistics, and its counters of batches
    averages = [buffer for buffer in buffers if buffer.is_floating_point()]
    before = [buffer.clone() for buffer in buffers]
    computed = []
    # Afterwards, the generator's state has to be the same in all processes.
    with torch.random.fork_rng(devices=[rows.device] if rows.is_cuda else []):
        for number, shard in group.share(shards):
            torch.manual_seed(derive_seed(*seed, number))
            for buffer, value in zip(buffers, before, strict=True):  # the counters, too: a batch counts once
                buffer.copy_(value)
            losses = compute_gradients(shard, len(rows))
            padded = F.pad(losses, (0, longest - len(losses)))
            gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
            computed.append(torch.cat([value.flatten() for value in (*gradients, *averages, padded)]))
            network.zero_grad()
    results = group.gather(torch.stack(computed))  # (S, P)
    total = results[0].clone()
    for result in results[1:]:  # one by one: the order of a sum over an axis is PyTorch's choice
        total += result
    parameters = list(network.parameters())
    values = total[:-longest].split([value.numel() for value in (*parameters, *averages)])
    for parameter, value in zip(parameters, values, strict=False):
        # With the layout of the parameter, which the optimizer takes for granted.
        parameter.grad = torch.empty_like(parameter).copy_(value.view(parameter.shape))
    for average, value in zip(averages, values[len(parameters) :], strict=True):
        average.copy_(value.view(average.shape).div_(len(shards)))
    learner.update(progress)
    return torch.cat([result[-longest:][: len(shard)] for result, (_, shard) in zip(results, shards, strict=True)])
