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

from heads.blocks.layers import Linear

_LATE = 1e6
"""A step number at which Adam's bias correction, 1 - 0.99 ** step, is exactly 1."""

_SMALL = 2**16
"""Numbers of one seed's weight up to which the gradients of all seeds are made and used up in one call."""

Taps = Sequence[tuple[Tensor, Tensor]]
"""Of a layer: the x and the gradient of the output of every call that the loss depends on."""

Found = tuple[Sequence[Taps], Sequence[Tensor | None]]
"""The taps of each streamed layer, and the gradient of every other parameter."""

Row = tuple[Tensor, Tensor, Tensor]
"""Parameter, gradient, squares."""


class RMSprop:
    """``with RMSprop(head, lr) as optimiser: optimiser.step(loss)``. lr: one number, or (S,) with one for each model.

    Inside the ``with``, on a CPU, the weights of every ``Linear`` get no ``grad``: each seed's gradient is made in one
    small piece of memory that stays in the processor's cache, and is used up there. Five seeds' weights, squares and
    gradients together do not fit into it. Parameters that need no gradient stay as they are.
    """

    def __init__(self, module: nn.Module, lr: float | Tensor, alpha: float = 0.99, eps: float = 1e-8) -> None:
        self.lr: float | Tensor = lr
        self.alpha, self.eps = alpha, eps
        self.late = torch.tensor(_LATE, device=next((parameter.device for parameter in module.parameters()), None))
        self.layers = [layer for layer in module.modules() if isinstance(layer, Linear) and _streamed(layer)]
        weights = {id(layer.weight) for layer in self.layers}
        trained = (parameter for parameter in module.parameters() if parameter.requires_grad)
        self.others = [parameter for parameter in trained if id(parameter) not in weights]
        self.squares = [torch.zeros_like(parameter) for parameter in self.others]
        self.layer_squares = [torch.zeros_like(layer.weight) for layer in self.layers]
        self.scratch = [torch.empty_like(_at_once(layer.weight.detach())) for layer in self.layers]

    def __enter__(self) -> Self:
        for layer in self.layers:
            layer.taps = []
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for layer in self.layers:
            layer.taps = None

    def step(self, loss: Tensor) -> None:
        """Differentiate ``loss``, (), and update every parameter that it depends on."""
        self.update(self.differentiate(loss))

    def differentiate(self, loss: Tensor) -> Found:
        """What ``update`` needs of ``loss``, ()."""
        gradients = torch.autograd.grad(loss, self.others, allow_unused=True)
        taps = [layer.taps or [] for layer in self.layers]
        for layer in self.layers:
            layer.taps = []
        return taps, gradients

    @torch.no_grad()
    def update(self, found: Found) -> None:
        """Change every parameter that has a gradient."""
        rows: list[Row] = []
        parts = zip(self.layers, self.layer_squares, self.scratch, found[0], strict=True)
        for layer, squares, scratch, every in parts:
            if every and len(scratch) == len(layer.weight):
                rows.append((layer.weight, _gradient(every, scratch), squares))
            elif every:
                self._stream(layer.weight, every, squares, scratch)
        others = zip(self.others, found[1], self.squares, strict=True)
        rows += [
            (parameter, gradient.contiguous(), squares)
            for parameter, gradient, squares in others
            if gradient is not None
        ]
        if isinstance(self.lr, Tensor):
            for seed, rate in enumerate(self.lr.tolist()):
                self._update([(p[seed], grad[seed], square[seed]) for p, grad, square in rows], rate)
        else:
            self._update(rows, self.lr)

    def _stream(self, weight: Tensor, taps: Taps, squares: Tensor, scratch: Tensor) -> None:
        rates = self.lr.tolist() if isinstance(self.lr, Tensor) else [self.lr] * len(weight)
        for seed, rate in enumerate(rates):
            mine = [(x[seed : seed + 1], gradient[seed : seed + 1]) for x, gradient in taps]
            self._update([(weight[seed : seed + 1], _gradient(mine, scratch), squares[seed : seed + 1])], rate)

    def _update(self, rows: Sequence[Row], lr: float) -> None:
        """The gradients are overwritten (by themselves)."""
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


def _streamed(layer: Linear) -> bool:
    return layer.weight.device.type == "cpu" and layer.weight.requires_grad and layer.bias.requires_grad


def _at_once(weight: Tensor) -> Tensor:
    """The part of a layer's weights, (S, in, out), whose gradient is made in one piece: all seeds, or the first."""
    return weight if weight[0].numel() <= _SMALL else weight[:1]


def _gradient(taps: Taps, out: Tensor) -> Tensor:
    """Of a layer's weights, (S, in, out), into ``out``. taps: x, (S, B, in), and the gradient of the output."""
    for number, (x, gradient) in enumerate(taps):
        torch.baddbmm(out, x.mT, gradient, beta=min(number, 1), out=out)
    return out
