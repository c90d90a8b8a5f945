"""AdamW and the one-cycle schedule, as in PyTorch, but without its optimizer class.

torch.optim.Optimizer imports PyTorch's compiler, which takes a second and is not used here.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BETA2, EPSILON = 0.999, 1e-8
RISE = 0.3  # of one_cycle: fraction of the steps until the peak
START, END = 1 / 25, 1 / 250_000  # learning rates, as fractions of the peak
SLOW, FAST = 0.95, 0.85  # beta1 at both ends, and at the peak


class AdamW:
    """AdamW for float32 parameters on one device; the results are those of torch.optim.AdamW with fused=True.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """

    def __init__(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.weight_decay = weight_decay
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float, beta1: float) -> None:
        """Update the parameters with their gradients, then discard the gradients."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        adamw(
            self.parameters,
            gradients,
            self.means,
            self.squares,
            [],
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=BETA2,
            lr=learning_rate,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the tensors that step updates, besides the parameters."""
        return {"means": self.means, "squares": self.squares, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what state_dict returned."""
        self.means, self.squares, self.steps = state["means"], state["squares"], state["steps"]


def one_cycle(step: float, steps: float, peak: float) -> tuple[float, float]:
    """Return the learning rate and beta1 at a step; both rise or fall like a cosine to the peak, and back.

    step: 0 to steps; both may be fractions, because the number of steps is only an estimate where images are left out.
    For whole numbers, the values are those of PyTorch's OneCycleLR for steps + 1.
    Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2018.
    """
    top = RISE * (steps + 1) - 1
    if step <= top:
        position, rates, betas = step / top, (peak * START, peak), (SLOW, FAST)
    else:
        position, rates, betas = (step - top) / (steps - top), (peak, peak * END), (FAST, SLOW)
    cosine = math.cos(math.pi * position) + 1
    rate, beta = (end + (start - end) / 2 * cosine for start, end in (rates, betas))
    return rate, beta
