"""Long short-term memory of many seeds at once."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_GATES = 4


class Lstm(nn.Module):
    """One layer that reads a sequence forwards and backwards, as ``nn.LSTM`` with ``bidirectional=True`` and one of its
    two biases."""

    def __init__(self, inputs: int, units: int, draws: Sequence[torch.Generator]) -> None:
        """units: of each direction."""
        super().__init__()
        bound = 1 / math.sqrt(units)

        def drawn(*shape: int) -> nn.Parameter:
            every = [torch.empty(2, *shape).uniform_(-bound, bound, generator=draw) for draw in draws]
            return nn.Parameter(torch.stack(every))

        self.inner, self.before = drawn(inputs, _GATES * units), drawn(units, _GATES * units)
        self.bias = drawn(1, _GATES * units)

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, T, d). Returns (S, B, T, 2 * units): forwards, then backwards, each at its frame."""
        return torch.cat([self._read(x, 0), self._read(x.flip(2), 1).flip(2)], 3)

    def _read(self, x: Tensor, way: int) -> Tensor:
        seeds, batch, frames, _ = x.shape
        inner = torch.baddbmm(self.bias[:, way], x.flatten(1, 2), self.inner[:, way]).view(seeds, batch, frames, -1)
        hidden = cell = x.new_zeros(seeds, batch, inner.shape[3] // _GATES)
        found = []
        for frame in range(frames):
            gates = torch.baddbmm(inner[:, :, frame], hidden, self.before[:, way])
            let_in, kept, new, out = gates.chunk(_GATES, 2)
            cell = kept.sigmoid() * cell + let_in.sigmoid() * new.tanh()
            hidden = out.sigmoid() * cell.tanh()
            found.append(hidden)
        return torch.stack(found, 2)
