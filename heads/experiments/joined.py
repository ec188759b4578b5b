"""Late fusion: what several models say of the same people, as one answer."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from heads.head import Output, given

How = Literal["average", "maximum"]
LEAST = 1e-12
"""A share is at least this, and of several labels at most 1 less this, so that its logit is a number."""


def joined(every: Sequence[Output], how: How, votes: Sequence[float], one_class: bool) -> Output:
    """Of the same people. every: with logits, of a softmax where each person has ``one_class``; without the dimensions
    that one of them does not give. how: of shares and dimensions, the average, each by its votes, or the maximum."""
    shares = [given(one.logits).double() for one in every]
    shares = [x.softmax(2) if one_class else x.sigmoid() for x in shares]
    made = _one(shares, how, votes).clamp(LEAST, 1.0 if one_class else 1 - LEAST)
    told = [one.dimensions.double() for one in every if one.dimensions is not None]
    dimensions = _one(told, how, votes) if len(told) == len(every) else None
    return Output(logits=made.log() if one_class else made.logit(), dimensions=dimensions)


def _one(values: Sequence[Tensor], how: How, votes: Sequence[float]) -> Tensor:
    if how == "maximum":
        return torch.stack([*values]).amax(0)
    return sum((w * x for w, x in zip(votes, values, strict=True)), torch.zeros_like(values[0])) / sum(votes)
