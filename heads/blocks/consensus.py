"""What is said of a clip, of what is said of its snippets.

Source: thesis (seeds/003), eq. 5.5 to 5.9, after Wang et al. 2018, Temporal segment networks for action recognition.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["average", "linear", "attention"]


class Consensus(nn.Module):
    """A weighted sum over snippets: of equal weights, of one learned for each place, or of a softmax over how a snippet
    looks. Snippets that do not count have no part; the others' weights are then as large together as all were."""

    def __init__(self, kind: Kind, snippets: int, width: int, draws: Sequence[torch.Generator]) -> None:
        """snippets: K. width: of how a snippet looks."""
        super().__init__()
        self.kind = kind
        if kind == "linear":
            self.weight = nn.Parameter(torch.full((len(draws), snippets), 1 / snippets))
        if kind == "attention":
            bound = 1 / math.sqrt(width)
            drawn = [torch.empty(width).uniform_(-bound, bound, generator=draw) for draw in draws]
            self.weight = nn.Parameter(torch.stack(drawn))

    def forward(self, counted: Tensor, seen: Tensor) -> Tensor:
        """The weights, (S, B, K), for ``summed``. counted: (S, B, K) bool. seen: (S, B, K, d) how snippets look.

        With ``linear`` K is that of ``snippets``.
        """
        if self.kind == "attention":
            scores = torch.einsum("sbkd,sd->sbk", seen, self.weight)
            return scores.masked_fill(~counted, torch.finfo(scores.dtype).min).softmax(2) * counted
        there = counted.to(seen.dtype)
        share = there / there.sum(2, keepdim=True).clamp_min(1)
        return share if self.kind == "average" else share * self.weight[:, None] * counted.shape[2]


def summed(weights: Tensor, told: Tensor) -> Tensor:
    """(S, B, C). weights: (S, B, K). told: (S, B, K, C) of snippets."""
    return torch.einsum("sbk,sbkc->sbc", weights, told)
