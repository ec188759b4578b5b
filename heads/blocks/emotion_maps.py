"""What is wanted of emotion maps inside people's boxes; what they are elsewhere is free.

Source: knowledge amalgamation (seeds/002), section 2.1 and eq. 1 to 3.
"""

from torch import Tensor
from torch.nn import functional as F

from heads.blocks.boxes import over_people, read_out


def flags_loss(logits: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Eq. 1: binary cross-entropy, summed over the emotions, its mean over an image's people. logits, wanted: (..., K,
    E). known: (..., K). Returns (...), 0 of an image without people."""
    wanted = wanted.nan_to_num().to(logits.dtype)
    return over_people(F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(-1), known)


def class_loss(logits: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Eq. 2: cross-entropy, its mean over an image's people. logits: (..., K, E). wanted: (..., K) int64, below 0 where
    it is not known. known: (..., K). Returns (...)."""
    told = logits.log_softmax(-1).gather(-1, wanted.clamp_min(0)[..., None])[..., 0]
    return over_people(-told, known & (wanted >= 0))


def variance_loss(maps: Tensor, shares: Tensor, known: Tensor) -> Tensor:
    """Eq. 3: the variance of a map's pixels inside a box, summed over the maps as eq. 1 is, its mean over an image's
    people. maps: (..., E, h, w). shares: (..., K, h * w), of ``inside``. known: (..., K). Returns (...)."""
    variance = read_out(maps.square(), shares) - read_out(maps, shares).square()
    return over_people(variance.sum(-1), known)
