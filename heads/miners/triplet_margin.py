"""Triplets by how far the negative is behind the positive."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, all_triplets, of_triplets
from heads.blocks.distances import pairwise
from heads.blocks.varied import Number, column


class Miner(metric_learning.Miner):
    """``all`` that violate the margin; of these the ``hard`` ones, whose negative is nearer than the positive, or the
    ``semihard`` ones, whose negative is farther; or the ``easy`` ones, which do not violate it.

    Source: Schroff et al. 2015, FaceNet; pytorch-metric-learning's TripletMarginMiner.
    """

    recordable = True

    class Config(Settings):
        """triplet_margin: in the unit of the distance. triplets: which (the reference's ``type_of_triplets``)."""

        triplet_margin: Number = Field(0.2, ge=0)
        triplets: Literal["all", "hard", "semihard", "easy"] = "all"

    def choose(self, normalised: Tensor, labels: Tensor) -> Chosen:
        """See the class."""
        distance = pairwise(normalised)
        ahead = distance.unsqueeze(2) - distance.unsqueeze(3)
        margin, kind = column(self.config.triplet_margin, ahead), self.config.triplets
        wanted = ahead > margin if kind == "easy" else ahead <= margin
        if kind == "hard":
            wanted = wanted & (ahead <= 0)
        if kind == "semihard":
            wanted = wanted & (ahead > 0)
        return of_triplets(wanted & all_triplets(labels))
