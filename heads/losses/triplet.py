"""Triplet margin loss over all triplets that a choice of pairs makes."""

import torch
from torch import Tensor

from heads.miners import Pairs


def triplet_margin(normalised: Tensor, pairs: Pairs, margin: float) -> Tensor:
    """Mean over the violated triplets of d(anchor, positive) - d(anchor, negative) + margin, per seed.

    normalised: (S, B, e) of length 1; d is Euclidean. Returns (S,); a seed without a violated triplet gets 0, with a
    zero gradient. Equals pytorch-metric-learning's TripletMarginLoss with its default AvgNonZeroReducer.
    Source: Affect-DML, eq. 6 (its printed sign is reversed: the text pulls the positive and pushes the negative).

    The loss is piecewise linear in the distances, so the (S, B, B, B) triplets are only counted, without a graph, and
    the gradient flows through the (S, B, B) distances weighted by those counts.
    """
    distance = torch.cdist(normalised, normalised, compute_mode="donot_use_mm_for_euclid_dist")
    with torch.no_grad():
        reach = distance.add(margin).masked_fill_(~pairs.positive, -torch.inf)
        limit = distance.masked_fill(~pairs.negative, torch.inf)
        violated = reach.unsqueeze(3) > limit.unsqueeze(2)
        pulls = violated.sum(3, dtype=distance.dtype)
        weight = pulls - violated.sum(2, dtype=distance.dtype)
        count = pulls.sum((1, 2))
        scale = 1 / count.clamp_min(1)
        weight *= scale[:, None, None]
        floor = count * scale * margin
    return (distance * weight).sum((1, 2)) + floor
