"""Positives that are too far, negatives that are too near."""

from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, all_pairs
from heads.blocks.distances import pairwise
from heads.blocks.varied import Number, column


class Miner(metric_learning.Miner):
    """Source: pytorch-metric-learning's PairMarginMiner."""

    recordable = True

    class Config(Settings):
        """farther, nearer: the distance above which a positive, below which a negative is chosen (the reference's
        ``pos_margin`` and ``neg_margin``)."""

        farther: Number = Field(0.2, ge=0)
        nearer: Number = Field(0.8, ge=0)

    def choose(self, normalised: Tensor, labels: Tensor) -> Chosen:
        """See the class."""
        distance = pairwise(normalised)
        pairs = all_pairs(labels)
        return Chosen(
            pairs.positive & (distance > column(self.config.farther, distance)),
            pairs.negative & (distance < column(self.config.nearer, distance)),
        )
