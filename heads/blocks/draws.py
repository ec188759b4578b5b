"""What a head draws by chance while it is trained: each seed's own, whoever is trained beside it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_APART = 1 << 24
"""Calls of one seed before its numbers become those of the next."""


class Draws(nn.Module):
    """Uniform numbers, other ones at each call. calls: (S,), how many there were; a seed goes on where it was."""

    seeds: Tensor
    calls: Tensor

    def __init__(self, seeds: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("seeds", torch.tensor(seeds, dtype=torch.int64))
        self.register_buffer("calls", torch.zeros(len(seeds), dtype=torch.int64))

    def forward(self, like: Tensor, *shape: int) -> Tensor:
        """(S, *shape) in 0..1, of the dtype and on the device of ``like``."""
        every = zip(self.seeds.tolist(), self.calls.tolist(), strict=True)
        self.calls += 1
        made = [torch.Generator(like.device).manual_seed(_APART * (seed + 1) + call) for seed, call in every]
        return torch.stack([torch.rand(shape, generator=one, dtype=like.dtype, device=like.device) for one in made])

    def dropped(self, x: Tensor, share: float) -> Tensor:
        """``x``, (S, ...), with a ``share`` of its numbers 0 and the others larger by as much."""
        if not share:
            return x
        kept: Tensor = self(x, *x.shape[1:]) >= share
        return x * kept / (1 - share)
