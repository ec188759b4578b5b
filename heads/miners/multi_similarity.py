"""Pairs that are harder than the hardest of the other kind, give or take epsilon."""

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, all_pairs
from heads.blocks.distances import cosine
from heads.blocks.varied import Number, column


class Miner(metric_learning.Miner):
    """Positives less similar than the most similar negative plus epsilon, negatives more similar than the least
    similar positive minus epsilon. An anchor without any positive, or without any negative, chooses nothing.

    Source: Affect-DML, eq. 4-5 (epsilon with the sign of Wang et al. 2019 and pytorch-metric-learning's
    MultiSimilarityMiner, which the public code uses; as printed the equations would keep the easy pairs).
    """

    recordable = True

    class Config(Settings):
        """epsilon: in the unit of the cosine."""

        epsilon: Number = Field(0.1, ge=0)

    def choose(self, normalised: Tensor, labels: Tensor) -> Chosen:
        """See the class."""
        similarity = cosine(normalised, normalised)
        epsilon = column(self.config.epsilon, similarity)
        pairs = all_pairs(labels)
        hardest = similarity.masked_fill(~pairs.negative, -torch.inf).amax(2, keepdim=True)
        farthest = similarity.masked_fill(~pairs.positive, torch.inf).amin(2, keepdim=True)
        return Chosen(
            pairs.positive.logical_and_(similarity - epsilon < hardest),
            pairs.negative.logical_and_(similarity + epsilon > farthest),
        )
