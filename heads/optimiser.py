"""RMSprop in one pass over the memory, and on a CPU without keeping the gradients of the big weights at all.

Source of the rule: ``torch.optim.RMSprop`` (no momentum, not centred), which is Adam with beta1 = 0 and without bias
correction; torch fuses Adam but not RMSprop. With beta1 = 0 Adam's first moment is the gradient itself, so the
gradient's own memory stands in for it.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn

from heads.layers import Linear

_LATE = 1e6
"""A step number at which Adam's bias correction, 1 - 0.99 ** step, is exactly 1."""


class RMSprop:
    """``with RMSprop(head, lr) as optimiser: optimiser.step(loss)``. lr: one number, or (S,) with one for each model.

    Inside the ``with``, on a CPU, the weights of every ``Linear`` get no ``grad``: each seed's gradient is made in one
    small piece of memory that stays in the processor's cache, and is used up there. Five seeds' weights, squares and
    gradients together do not fit into it.
    """

    def __init__(self, module: nn.Module, lr: float | Tensor, alpha: float = 0.99, eps: float = 1e-8) -> None:
        self.lr: float | Tensor = lr
        self.alpha, self.eps = alpha, eps
        self.late = torch.tensor(_LATE, device=next((parameter.device for parameter in module.parameters()), None))
        self.layers = [
            layer for layer in module.modules() if isinstance(layer, Linear) and layer.weight.device.type == "cpu"
        ]
        streamed = {id(layer.weight) for layer in self.layers}
        self.others = [parameter for parameter in module.parameters() if id(parameter) not in streamed]
        self.squares = [torch.zeros_like(parameter) for parameter in self.others]
        self.layer_squares = [torch.zeros_like(layer.weight) for layer in self.layers]
        self.scratch = [torch.empty_like(layer.weight[0]) for layer in self.layers]

    def __enter__(self) -> Self:
        for layer in self.layers:
            layer.taps = []
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for layer in self.layers:
            layer.taps = None

    @torch.no_grad()
    def step(self, loss: Tensor) -> None:
        """Differentiate ``loss``, (), and update every parameter that it depends on."""
        for parameter in self.others:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        for layer, squares, scratch in zip(self.layers, self.layer_squares, self.scratch, strict=True):
            if layer.taps:
                self._stream(layer.weight, layer.taps, squares, scratch)
                layer.taps.clear()
        known = [(p, p.grad, square) for p, square in zip(self.others, self.squares, strict=True) if p.grad is not None]
        if isinstance(self.lr, Tensor):
            for seed, rate in enumerate(self.lr.tolist()):
                self._update([(p[seed], grad[seed], square[seed]) for p, grad, square in known], rate)
        else:
            self._update(known, self.lr)

    def _stream(self, weight: Tensor, taps: Sequence[tuple[Tensor, Tensor]], squares: Tensor, scratch: Tensor) -> None:
        rates = self.lr.tolist() if isinstance(self.lr, Tensor) else [self.lr] * len(weight)
        for seed, rate in enumerate(rates):
            for number, (x, gradient) in enumerate(taps):
                torch.addmm(scratch, x[seed].T, gradient[seed], beta=min(number, 1), out=scratch)
            self._update([(weight[seed], scratch, squares[seed])], rate)

    def _update(self, rows: Sequence[tuple[Tensor, Tensor, Tensor]], lr: float) -> None:
        """rows: parameter, gradient, squares. The gradients are overwritten (by themselves)."""
        if not rows:
            return
        parameters, gradients, squares = (list(column) for column in zip(*rows, strict=True))
        torch._fused_adam_(
            parameters,
            gradients,
            gradients,
            squares,
            [],
            [self.late] * len(parameters),
            lr=lr,
            beta1=0.0,
            beta2=self.alpha,
            weight_decay=0.0,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )
