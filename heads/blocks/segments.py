"""Which of a clip's cached frames stand for it: one of each of K segments of equal length.

Source: Wang et al. 2016, Temporal segment networks, section 3.1; thesis (seeds/003), section 5.1.2.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Snippets(NamedTuple):
    """places: (S, B, K) int64, frames among T. counted: (S, B, K) bool, False for a segment with nothing to see; its
    place is then the nearest frame with something, or any where there is none."""

    places: Tensor
    counted: Tensor

    def of(self, x: Tensor) -> Tensor:
        """(S, B, K, ...): those of x, (S, B, T, ...)."""
        at = self.places.reshape(*self.places.shape, *[1] * (x.dim() - 3))
        return x.gather(2, at.expand(*self.places.shape, *x.shape[3:]))


def snippets(present: Tensor, count: int, noise: Tensor | None = None) -> Snippets:
    """One frame of each of ``count`` segments: with ``noise`` a random one of those that are there, without it the one
    nearest to the segment's middle, the earlier of two.

    present: (S, B, T) bool, where there is something to see. count: K, at most T. noise: (S, B, T) in 0..1.
    """
    frames = present.shape[2]
    time = torch.arange(frames, device=present.device)
    starts = torch.arange(count + 1, device=present.device) * frames // count
    inside = (time >= starts[:-1, None]) & (time < starts[1:, None])
    middles = (starts[:-1] + starts[1:] - 1)[:, None] / 2
    wanted = (-(time - middles).abs()).expand(*present.shape[:2], -1, -1)
    if noise is not None:
        wanted = torch.where(inside, 1 + noise[:, :, None], wanted.to(noise.dtype))
    places = wanted.masked_fill(~present[:, :, None], -torch.inf).argmax(3)
    counted = (inside & present[:, :, None]).any(3)
    return Snippets(places, counted)
