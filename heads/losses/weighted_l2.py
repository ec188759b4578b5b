"""Squared distance of every label's score from 0 or 1, rare classes weighing more: by the batch, or by the training
people."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks.label_loss import LabelLoss
from heads.blocks.varied import Number
from heads.head import Taught
from heads.losses._class_weights import by_batch, by_logarithm


class Loss(LabelLoss):
    """Mean over samples of the sum over classes of w (score - flag) squared; the weights w sum to 1.

    Source: thesis (seeds/003), eq. 4.1, for Kosti et al.: w inversely proportional to the class's occurrences in the
    batch; relational regions (seeds/004), eq. 9: in proportion to 1 / ln(1.2 + p), p the share of training people.
    """

    recordable = True

    class Config(Settings):
        """weights: of the "batch", or "fixed" by the training people. offset: lambda of the fixed ones. scores:
        "linear", the logits themselves as published, so that their sigmoid orders people but is no probability; or
        their "sigmoid"."""

        weights: Literal["batch", "fixed"] = "batch"
        offset: Number = Field(1.2, gt=1)
        scores: Literal["linear", "sigmoid"] = "linear"

    fixed: Tensor

    def __init__(self, config: Config, classes: int, seeds: int) -> None:
        super().__init__(config, classes, seeds)
        self.register_buffer("fixed", torch.full((seeds, classes), 1 / classes))

    def learn_from(self, taught: Taught) -> None:
        """How often each class occurs."""
        self.fixed.copy_(by_logarithm(self.config.offset, taught, self.fixed))

    def forward(self, logits: Tensor, flags: Tensor) -> Tensor:
        """See the class."""
        scores = logits if self.config.scores == "linear" else logits.sigmoid()
        weights = by_batch(flags) if self.config.weights == "batch" else self.fixed.unsqueeze(1)
        return ((scores - flags).square() * weights).sum(2).mean(1)
