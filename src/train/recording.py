"""Record the computation of gradients as a CUDA graph: a GPU runs small kernels faster than the CPU launches them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

# Takes rows int64 (N,) and the size of their batch; sets the gradients, and returns the losses (N,).
ComputeGradients = Callable[[Tensor, int], Tensor]


def record_gradients(compute: ComputeGradients, network: nn.Module, rows: Tensor, batch_size: int) -> ComputeGradients:
    """Record a computation for this many rows of a batch of this size, and return a function that replays it.

    Batches of another size are computed without the recording. Recording changes neither the network's weights and
    statistics nor the random numbers, but clears the gradients. Replaying gives the same results, bit for bit, and
    replaces the gradients. On a CPU, return compute itself.
    """
    if not rows.is_cuda:
        return compute
    recorded_rows, buffers = rows.clone(), list(network.buffers())
    before = [buffer.clone() for buffer in buffers]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    # Once without recording, because libraries allocate their workspaces in the first call.
    with torch.random.fork_rng(devices=[rows.device]), torch.cuda.stream(stream):
        compute(recorded_rows, batch_size)
    torch.cuda.current_stream().wait_stream(stream)
    for buffer, value in zip(buffers, before, strict=True):  # BatchNorm's running statistics
        buffer.copy_(value)
    network.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):  # executes nothing
        losses = compute(recorded_rows, batch_size)
    gradients = [(parameter, parameter.grad) for parameter in network.parameters()]
    network.zero_grad()

    def replay(rows: Tensor, size: int) -> Tensor:
        if (len(rows), size) != (len(recorded_rows), batch_size):
            return compute(rows, size)
        recorded_rows.copy_(rows)
        graph.replay()
        for parameter, gradient in gradients:
            parameter.grad = gradient
        return losses.clone()

    return replay
