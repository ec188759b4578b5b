"""An optimiser's step in one pass over the memory; on a CPU without keeping the gradients of the big weights at all.

What a step makes of parameter and gradient is a rule of ``heads.learning.rules``.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn

from heads.blocks.layers import Streamed, Taps
from heads.learning.rules import RMSprop, Row, Rule

_SMALL = 2**16
"""Numbers of one seed's weight up to which the gradients of all seeds are made and used up in one call."""

Found = tuple[Sequence[Taps], Sequence[Tensor | None]]
"""The taps of each streamed layer, and the gradient of every other parameter."""

Memory = list[Tensor]
"""What a rule remembers of one parameter, each of its shape."""


class Optimiser:
    """``with Optimiser(head, lr) as optimiser: optimiser.step(loss)``. lr: one number, or (S,) with one for each model.

    Inside the ``with``, on a CPU, ``Streamed`` weights get no ``grad``: each seed's gradient of each is made in one
    small piece of memory that stays in the processor's cache, and is used up there. Five seeds' weights, squares and
    gradients together do not fit into it. Parameters that need no gradient stay as they are. memories, layer_memories:
    what ``rule`` remembers of each of ``others`` and of the weights of each of ``layers``; steps: how many were taken.
    """

    def __init__(self, module: nn.Module, lr: float | Tensor, rule: Rule | None = None) -> None:
        self.lr: float | Tensor = lr
        self.rule, self.steps = rule or RMSprop(), 0
        self.layers = [layer for layer in module.modules() if isinstance(layer, Streamed) and _streamed(layer)]
        weights = {id(layer.weight) for layer in self.layers}
        trained = (parameter for parameter in module.parameters() if parameter.requires_grad)
        self.others = [parameter for parameter in trained if id(parameter) not in weights]
        self.memories = [self._fresh(parameter) for parameter in self.others]
        self.layer_memories = [self._fresh(layer.weight) for layer in self.layers]
        self.scratch = _scratch([layer.weight.detach() for layer in self.layers])

    def _fresh(self, parameter: Tensor) -> Memory:
        return [torch.zeros_like(parameter) for _ in range(self.rule.memories)]

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
        weights = [layer.weight for layer in self.layers]  # which have no gradient, but their taps are wanted
        gradients = torch.autograd.grad(loss, [*self.others, *weights], allow_unused=True)[: len(self.others)]
        taps = [layer.taps or [] for layer in self.layers]
        for layer in self.layers:
            layer.taps = []
        return taps, gradients

    @torch.no_grad()
    def update(self, found: Found) -> None:
        """Change every parameter that has a gradient."""
        self.steps += 1
        rows: list[Row] = []
        parts = zip(self.layers, self.layer_memories, self.scratch, found[0], strict=True)
        for layer, memory, scratch, every in parts:
            if every and _small(layer.weight):
                rows.append((layer.weight, _gradient(every, scratch), memory))
            elif every:
                self._stream(layer.weight, every, memory, scratch)
        others = zip(self.others, found[1], self.memories, strict=True)
        rows += [
            (parameter, gradient.contiguous(), memory) for parameter, gradient, memory in others if gradient is not None
        ]
        if isinstance(self.lr, Tensor):
            for seed, rate in enumerate(self.lr.tolist()):
                self._update([(p[seed], grad[seed], [x[seed] for x in memory]) for p, grad, memory in rows], rate)
        else:
            self._update(rows, self.lr)

    def _stream(self, weight: Tensor, taps: Taps, memory: Memory, scratch: Tensor) -> None:
        rates = self.lr.tolist() if isinstance(self.lr, Tensor) else [self.lr] * len(weight)
        for seed, rate in enumerate(rates):
            one = slice(seed, seed + 1)
            mine = [(x[one], gradient[one]) for x, gradient in taps]
            self._update([(weight[one], _gradient(mine, scratch), [x[one] for x in memory])], rate)

    def _update(self, rows: Sequence[Row], lr: float) -> None:
        if rows:
            self.rule.update(rows, lr, self.steps)


def _streamed(layer: Streamed) -> bool:
    return layer.weight.device.type == "cpu" and layer.weight.requires_grad


def _small(weight: Tensor) -> bool:
    return weight[0].numel() <= _SMALL


def _scratch(weights: Sequence[Tensor]) -> list[Tensor]:
    """Where the gradient of each of ``weights``, (S, in, out), is made: of small ones that of all seeds, (S, in, out);
    of the others a seed's at a time, (1, in, out), all in the same memory."""
    largest = max((one[0].numel() for one in weights if not _small(one)), default=0)
    shared = weights[0].new_empty(largest) if weights else None
    return [
        torch.empty_like(one) if shared is None or _small(one) else shared[: one[0].numel()].view(1, *one.shape[1:])
        for one in weights
    ]


def _gradient(taps: Taps, out: Tensor) -> Tensor:
    """Of a layer's weights, (S, in, out), into ``out``. taps: x, (S, B, in), and the gradient of the output."""
    for number, (x, gradient) in enumerate(taps):
        torch.baddbmm(out, x.mT, gradient, beta=min(number, 1), out=out)
    return out
