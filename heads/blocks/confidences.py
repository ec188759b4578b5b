"""The loss on how sure annotators are of each label, beside the one on whether it is there."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from torch import Tensor

from heads.blocks.categories import LEARNS as CATEGORIES
from heads.blocks.categories import CategorySettings
from heads.blocks.dimensions_loss import Name
from heads.head import FLAGS, SCORES, Output, given

LEARNS = CATEGORIES | {SCORES}


class ConfidenceSettings(CategorySettings):
    """scores_weight: of the squared error of the shares from the annotators' confidences; 0 leaves it out."""

    scores_weight: float = Field(1, ge=0)
    dimensions_loss: Name = "l2"


def terms(config: Any, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``scores``, (S,), the mean over samples and labels; nothing where each sample has one class. Flags stand for
    confidences that a task does not have.

    Source: thesis (seeds/003), L_cat1 of eq. 5.17.
    """
    wanted = targets.get(SCORES, targets.get(FLAGS))
    if wanted is None or not config.scores_weight:
        return {}
    return {"scores": config.scores_weight * (given(output.logits).sigmoid() - wanted).square().mean((1, 2))}
