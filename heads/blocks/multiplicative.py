"""Streams' scores put together so that those which are sure count most.

Source: thesis (seeds/003), section 4.1.2, eq. 4.7; Mittal et al. 2020, EmotiCon.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.reduction import ratio
from heads.head import FLAGS


def log_probabilities(logits: Tensor, kind: str) -> Tensor:
    """ln p of each class, of a sigmoid each for FLAGS, else of one softmax. logits: (..., C). Same shape."""
    return F.logsigmoid(logits) if kind == FLAGS else F.log_softmax(logits, -1)


def multiplicative_loss(logs: Tensor, labels: Tensor, beta: float) -> Tensor:
    """Minus the sum over the n streams of p^(beta / (n - 1)) ln p, mean over the labels that people have.

    logs: ln p, (n, S, B, C), n >= 2. labels: (S, B, C), 0 or 1. Returns (S,); 0 for a seed whose batch has no label.
    The factor p^.. weighs what is learned and is not learned itself: differentiated, it would drive every p below
    e^(-1 / exponent) to 0, where the text says that wrong predictions are not addressed. Source: eq. 4.7.
    """
    costs = -(_weights(logs, beta).detach() * logs).sum(0)
    return ratio((costs * labels).sum((1, 2)), labels.sum((1, 2)))


def fused(logs: Tensor, beta: float) -> Tensor:
    """The streams' joint probabilities, (S, B, C): their geometric mean with the weights of eq. 4.7. One stream is
    itself. The thesis says that scores are fused by this scheme and not how; so it stays a probability.

    logs: ln p, (n, S, B, C).
    """
    if len(logs) == 1:
        return logs[0].exp()
    weights = _weights(logs, beta)
    return torch.exp((weights * logs).sum(0) / weights.sum(0).clamp_min(torch.finfo(logs.dtype).tiny))


def _weights(logs: Tensor, beta: float) -> Tensor:
    """p^(beta / (n - 1)), (n, S, B, C)."""
    return torch.exp(logs * (beta / (len(logs) - 1)))
