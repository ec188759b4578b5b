"""What an optimiser's step makes of parameters and gradients: torch's own fused operations, without its bookkeeping.

Source of the rules: ``torch.optim.RMSprop`` (no momentum, not centred), ``torch.optim.SGD`` and ``torch.optim.Adam``,
each with their defaults but for the settings that stand here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

_LATE = 1_000_000
"""A step number at which Adam's bias correction, 1 - 0.99 ** step, is exactly 1."""

Row = tuple[Tensor, Tensor, Sequence[Tensor]]
"""Parameter, gradient, and what the rule remembers of it."""


@dataclass(frozen=True)
class Rule(ABC):
    """weight_decay: times the parameter is added to its gradient (an L2 penalty's)."""

    weight_decay: float = 0.0

    @property
    @abstractmethod
    def memories(self) -> int:
        """How many tensors it remembers of each parameter, of its shape, zeros at first."""

    @abstractmethod
    def update(self, rows: Sequence[Row], lr: float, step: int) -> None:
        """Change the parameters in place, and what is remembered; gradients may be overwritten. step: from 1."""


@dataclass(frozen=True)
class RMSprop(Rule):
    """Adam with beta1 = 0 and without bias correction; torch fuses Adam but not RMSprop. With beta1 = 0 Adam's first
    moment is the gradient itself, so the gradient's own memory stands in for it. Memory: mean of squares."""

    @property
    def memories(self) -> int:
        """One."""
        return 1

    def update(self, rows: Sequence[Row], lr: float, step: int) -> None:  # noqa: ARG002 (the contract's arguments)
        """See ``Rule``."""
        parameters, gradients, memories = zip(*rows, strict=True)
        squares = [memory[0] for memory in memories]
        _adam(parameters, gradients, gradients, squares, lr, (0.0, 0.99), _LATE, self.weight_decay)


@dataclass(frozen=True)
class Adam(Rule):
    """Memory: mean of gradients, mean of squares."""

    @property
    def memories(self) -> int:
        """Two."""
        return 2

    def update(self, rows: Sequence[Row], lr: float, step: int) -> None:
        """See ``Rule``."""
        parameters, gradients, memories = zip(*rows, strict=True)
        means, squares = zip(*memories, strict=True)
        _adam(parameters, gradients, means, squares, lr, (0.9, 0.999), step, self.weight_decay)


@dataclass(frozen=True)
class SGD(Rule):
    """Memory: the velocity, where there is momentum."""

    momentum: float = 0.0

    @property
    def memories(self) -> int:
        """One with momentum."""
        return 1 if self.momentum else 0

    def update(self, rows: Sequence[Row], lr: float, step: int) -> None:  # noqa: ARG002 (the contract's arguments)
        """See ``Rule``."""
        parameters, gradients, memories = zip(*rows, strict=True)
        torch._fused_sgd_(
            list(parameters),
            list(gradients),
            [memory[0] for memory in memories if memory],
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


def _adam(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    lr: float,
    betas: tuple[float, float],
    step: int,
    weight_decay: float,
) -> None:
    late = _number(step if step < _LATE else _LATE, parameters[0].device)
    torch._fused_adam_(
        list(parameters),
        list(gradients),
        list(means),
        list(squares),
        [],
        [late] * len(parameters),
        lr=lr,
        beta1=betas[0],
        beta2=betas[1],
        weight_decay=weight_decay,
        eps=1e-8,
        amsgrad=False,
        maximize=False,
    )


@cache
def _constant(device: torch.device) -> Tensor:
    return torch.tensor(float(_LATE), device=device)


def _number(step: int, device: torch.device) -> Tensor:
    return _constant(device) if step == _LATE else torch.tensor(float(step), device=device)
