"""For each anchor its farthest positive and its nearest negative."""

import torch
from torch import Tensor

from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, all_pairs, of_triplets, one_hot
from heads.blocks.distances import pairwise


class Miner(metric_learning.Miner):
    """One triplet for each anchor that has both.

    Source: Hermans et al. 2017, In defense of the triplet loss; pytorch-metric-learning's BatchHardMiner.
    """

    recordable = True

    def choose(self, normalised: Tensor, labels: Tensor) -> Chosen:
        """See the class."""
        distance, size = pairwise(normalised), labels.shape[1]
        pairs = all_pairs(labels)
        farthest = distance.masked_fill(~pairs.positive, -torch.inf).argmax(2)
        nearest = distance.masked_fill(~pairs.negative, torch.inf).argmin(2)
        both = pairs.positive.any(2, keepdim=True) & pairs.negative.any(2, keepdim=True)
        positive = one_hot(farthest, size) & both
        return of_triplets(positive.unsqueeze(3) & one_hot(nearest, size).unsqueeze(2))
