"""How a support becomes a classifier. Every rule is a set of linear scorers; a query gets the class of the highest.

Queries and supports are vectors of length 1. Centring and whitening move queries too; since only the order of the
scores counts, a query's own length after that does not matter for nearest and centroid.
"""

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings

_TINY = 1e-12


class Rule(Settings):
    """rule: ``nearest`` support sample by angle, which on vectors of length 1 is the nearest by distance (Affect-DML,
    eq. 8-10); ``centroid``, the nearest class mean by angle; ``linear``, ridge regression on the classes, one against
    the rest, with an intercept. support_norm: measure angles from the support's mean (``centre``), and also divide by
    the support's covariance (``whiten``). shrinkage: how much of that covariance is replaced by a multiple of the
    identity; a few samples do not span the space. ridge: the regression's penalty.
    """

    rule: Literal["nearest", "centroid", "linear"] = "nearest"
    support_norm: Literal["none", "centre", "whiten"] = "none"
    shrinkage: float = Field(default=0.5, ge=1e-8, le=1)
    ridge: float = Field(default=1.0, ge=1e-8, le=1e8)


NEAREST = Rule()
"""The paper's rule."""


class Scorers(NamedTuple):
    """weight: (E, m, e). bias: (E, m), or None for 0. shots: how many scorers in a row speak for one class."""

    weight: Tensor
    bias: Tensor | None
    shots: int

    def name(self, vectors: Tensor) -> Tensor:
        """The class of each of ``vectors``, (n, e), in each episode: (n, E); the first of equally good ones."""
        scores = (vectors @ self.weight.flatten(0, 1).T).view(vectors.shape[0], *self.weight.shape[:2])
        if self.bias is not None:
            scores += self.bias
        return scores.argmax(2) // self.shots


def scorers(support: Tensor, rule: Rule) -> Scorers:
    """support: (E, C, k, e), k samples of each class, of length 1. Solved in float64, given in the support's dtype."""
    classes, shots = support.shape[1:3]
    samples = support.flatten(1, 2)
    moved = rule.support_norm != "none" or rule.rule == "linear"
    if rule.rule == "nearest" and not moved:
        return Scorers(samples, None, shots)
    x = samples.double()
    middle = x.mean(1, keepdim=True) if moved else torch.zeros_like(x[:, :1])
    x = x - middle
    dual = _inverse_covariance(x, rule.shrinkage) if rule.support_norm == "whiten" else x
    kernel = dual @ x.mT
    if rule.rule == "linear":
        weight = _ridge(kernel, classes, shots, rule.ridge).mT @ dual
    else:
        size = shots if rule.rule == "centroid" else 1
        episodes, groups = len(x), classes * shots // size
        weight = dual.view(episodes, groups, size, -1).mean(2)
        squares = kernel.view(episodes, groups, size, groups, size).mean((2, 4)).diagonal(dim1=1, dim2=2)
        weight = weight / squares.clamp_min(_TINY).sqrt()[..., None]
    bias = -(weight @ middle.mT)[..., 0]
    return Scorers(weight.to(support.dtype), bias.to(support.dtype), weight.shape[1] // classes)


def _inverse_covariance(x: Tensor, shrinkage: float) -> Tensor:
    """The shrunken covariance's inverse times each row of x, (E, M, e) and of mean 0; by the matrix of M x M.

    The covariance is (1 - s) X'X / M + s m I with m the mean variance, as in scikit-learn's ShrunkCovariance.
    """
    count, width = x.shape[1:]
    gram = x @ x.mT / count
    variance = gram.diagonal(dim1=1, dim2=2).sum(1).div(width).clamp_min(_TINY)
    identity = torch.eye(count, dtype=x.dtype, device=x.device)
    solved: Tensor = torch.linalg.solve((1 - shrinkage) * gram + shrinkage * variance[:, None, None] * identity, x)
    return solved


def _ridge(kernel: Tensor, classes: int, shots: int, penalty: float) -> Tensor:
    """Dual weights (E, M, C) of ridge regression on the classes' indicators. kernel: (E, M, M), rows of mean 0."""
    identity = torch.eye(classes * shots, dtype=kernel.dtype, device=kernel.device)
    targets = F.one_hot(torch.arange(classes, device=kernel.device).repeat_interleave(shots), classes).to(kernel)
    targets = (targets - 1 / classes).expand(len(kernel), -1, -1)
    weights: Tensor = torch.linalg.solve(kernel + penalty * identity, targets)
    return weights
