"""One run of a network watched: which layer reads which other layer's output, and nothing else does."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Active while the network runs; forward hooks call ``gave`` and ``took``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.outputs: dict[int, tuple[nn.Module, Tensor]] = {}  # the tensors are kept, so that no id is used twice
        self.found: list[tuple[nn.Module, nn.Module, int]] = []
        self.reads: Counter[int] = Counter()
        self.uses: Counter[int] = Counter()

    def gave(self, layer: Any, output: Tensor) -> None:
        """What ``layer``, which has a weight, made; layers of one weight count as one."""
        self.outputs[id(output)] = layer, output
        self.uses[id(layer.weight)] += 1

    def took(self, follower: nn.Module, x: Any) -> None:
        """What ``follower`` reads."""
        self.uses[id(follower)] += 1
        if id(x) in self.outputs:
            self.found.append((self.outputs[id(x)][0], follower, id(x)))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count which outputs an operation reads."""
        self.reads.update({id(leaf) for leaf in tree_leaves((args, kwargs)) if id(leaf) in self.outputs})
        return func(*args, **(kwargs or {}))

    def pairs(self) -> list[tuple[Any, Any]]:
        """Layer and follower, each run once, of which nobody but the follower reads what the layer made."""
        return [
            (layer, follower)
            for layer, follower, output in self.found
            if self.reads[output] == self.uses[id(layer.weight)] == self.uses[id(follower)] == 1
        ]
