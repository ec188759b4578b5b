"""Weights of classes by how often they occur, which sum to 1 over the classes."""

from torch import Tensor

from heads.blocks.varied import column
from heads.head import FLAGS, Taught


def by_logarithm(offset: float | Tensor, taught: Taught, like: Tensor) -> Tensor:
    """(S, C), in proportion to 1 / ln(offset + p); p is the share of training people with the class. like: (S, C).

    Source: relational regions (seeds/004), eq. 9 and below it.
    """
    share = taught.targets[FLAGS].to(like).mean(0)
    return _summing_to_one(1 / (column(offset, like) + share).log().expand_as(like))


def by_batch(flags: Tensor) -> Tensor:
    """(S, 1, C), in proportion to 1 / n; n is how many of the batch have the class, and 1 where none has.

    flags: (S, B, C). Source: thesis (seeds/003), eq. 4.1 and below it, which leaves absent classes open.
    """
    return _summing_to_one(1 / flags.sum(1, keepdim=True).clamp_min(1))


def _summing_to_one(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True)
