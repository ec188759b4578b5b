"""What a miner chooses from a batch, in the forms that losses ask for."""

from typing import NamedTuple

import torch
from torch import Tensor


class Chosen(NamedTuple):
    """positive, negative: (S, B, B) bool, row anchor, column its positive or negative.

    triplets: (S, B, B, B) bool, anchor, positive, negative, where single triplets were chosen; None where pairs were,
    which make every triplet of an anchor's positives and negatives. mined: False when nobody chose.
    Source of the conversions: pytorch-metric-learning's ``utils.loss_and_miner_utils``.
    """

    positive: Tensor
    negative: Tensor
    triplets: Tensor | None = None
    mined: bool = True

    def counts(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """How often each pair was chosen, as positive and as negative, (S, B, B) each; triplets repeat their pairs."""
        if self.triplets is None:
            return self.positive.to(dtype), self.negative.to(dtype)
        return self.triplets.sum(3, dtype=dtype), self.triplets.sum(2, dtype=dtype)

    def triplet_counts(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """In how many triplets each pair stands, as anchor and positive, and as anchor and negative, (S, B, B) each."""
        positive, negative = self.counts(dtype)
        if self.triplets is not None:
            return positive, negative
        return positive * negative.sum(2, keepdim=True), negative * positive.sum(2, keepdim=True)

    def weights(self, dtype: torch.dtype, anchors_only: bool = False) -> Tensor:
        """How often each sample was chosen, over the most frequent one, (S, B); 1 for all when none was, or nobody
        chose. anchors_only: counted as an anchor alone, as for losses that compare samples with proxies."""
        positive, negative = self.counts(dtype)
        if not self.mined:
            return torch.ones_like(positive[:, :, 0])
        times = positive.sum(2)
        if self.triplets is None:
            times = times + negative.sum(2)
        if not anchors_only:
            times = times + positive.sum(1) + negative.sum(1)
        most = times.amax(1, keepdim=True)
        return torch.where(most > 0, times / most.clamp_min(1), 1)

    def enough(self) -> Tensor:
        """(S,) bool: the reference's pair losses are 0 on a batch with at most one pair of each kind."""
        positive, negative = self.counts(torch.float32)
        return (positive.sum((1, 2)) > 1) | (negative.sum((1, 2)) > 1)


def all_pairs(labels: Tensor) -> Chosen:
    """Every pair of the batch. labels: (S, B)."""
    same = labels.unsqueeze(2) == labels.unsqueeze(1)
    others = ~torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
    return Chosen(same & others, ~same, mined=False)


def all_triplets(labels: Tensor) -> Tensor:
    """Every triplet of the batch, (S, B, B, B) bool."""
    pairs = all_pairs(labels)
    return pairs.positive.unsqueeze(3) & pairs.negative.unsqueeze(2)


def of_triplets(triplets: Tensor) -> Chosen:
    """triplets: (S, B, B, B) bool."""
    return Chosen(triplets.any(3), triplets.any(2), triplets)


def one_hot(places: Tensor, count: int) -> Tensor:
    """places: (...) below ``count``. Returns (..., count) bool; torch's own looks at the values, which a recording
    (``heads.learning.recording``) cannot."""
    return places.unsqueeze(-1) == torch.arange(count, device=places.device)
