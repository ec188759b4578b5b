"""RMSprop in one pass over the memory."""

from collections.abc import Iterable

import torch
from torch import nn

_LATE = 1e6
"""A step number at which Adam's bias correction, 1 - 0.99 ** step, is exactly 1."""


def rmsprop(parameters: Iterable[nn.Parameter], lr: float, alpha: float = 0.99, eps: float = 1e-8) -> torch.optim.Adam:
    """``torch.optim.RMSprop`` (alpha, eps; no momentum, not centred), fused.

    torch fuses Adam but not RMSprop, and RMSprop is Adam with beta1 = 0 and without bias correction; the latter is
    switched off by starting at a late step. On two cores, 1.55 M parameters: 0.32 ms a step instead of 0.65 ms.
    """
    parameters = list(parameters)
    optimiser = torch.optim.Adam(parameters, lr=lr, betas=(0.0, alpha), eps=eps, fused=True)
    for parameter in parameters:
        optimiser.state[parameter] = {
            "step": torch.tensor(_LATE, dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimiser
