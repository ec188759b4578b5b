"""Which pairs of a batch are worth learning from."""

from typing import NamedTuple

import torch
from torch import Tensor


class Pairs(NamedTuple):
    """Chosen pairs as masks, both (S, B, B) bool: row anchor, column positive or negative."""

    positive: Tensor
    negative: Tensor


def multi_similarity(normalised: Tensor, labels: Tensor, epsilon: float) -> Pairs:
    """Positives less similar than the most similar negative plus epsilon, negatives more similar than the least
    similar positive minus epsilon.

    normalised: (S, B, e) of length 1, compared by their cosine. labels: (S, B). An anchor without any positive, or
    without any negative, chooses nothing. Nothing is differentiated.
    Source: Affect-DML, eq. 4-5 (epsilon with the sign of Wang et al. 2019 and pytorch-metric-learning's
    MultiSimilarityMiner, which the public code uses; as printed the equations would keep the easy pairs).
    """
    with torch.no_grad():
        similarity = torch.bmm(normalised, normalised.mT)
        same = labels.unsqueeze(2) == labels.unsqueeze(1)
        negative = ~same
        positive = same.logical_and_(~torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device))
        hardest = similarity.masked_fill(same | ~negative, -torch.inf).amax(2, keepdim=True)
        farthest = similarity.masked_fill(~positive, torch.inf).amin(2, keepdim=True)
        return Pairs(
            positive.logical_and_(similarity - epsilon < hardest),
            negative.logical_and_(similarity + epsilon > farthest),
        )
