"""What a loss on several labels a sample must provide; a file in heads/losses is one of them, by its name.

Where a paper's equation has a sum over the classes, ours is a mean, or one with weights that sum to 1, so that losses
can be exchanged at one learning rate; a head's ``class_weight`` brings any factor back.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from cache.config import Settings
from heads.blocks import named_loss
from heads.head import Taught


class LabelLoss(nn.Module, ABC):
    """A loss on the logits of independent labels. Its buffers begin with the seeds' axis. recordable: see
    ``heads.learning.recording.recordable``."""

    Config: ClassVar[type[Settings]] = Settings
    recordable: ClassVar[bool] = False

    def __init__(self, config: Any, classes: int, seeds: int) -> None:
        """config: has at least the fields of ``Config``. classes: C. seeds: S."""
        super().__init__()
        self.config, self.classes, self.seeds = config, classes, seeds

    def learn_from(self, taught: Taught) -> None:
        """Fill buffers with what the loss wants to know of the training people; most want nothing."""

    @abstractmethod
    def forward(self, logits: Tensor, flags: Tensor) -> Tensor:
        """logits, flags: (S, B, C), the flags 0 or 1. Returns (S,)."""


def load(name: str) -> type[LabelLoss]:
    """Raises: UnknownName with the nearest name; ConfigError with those that fit, for a loss on embeddings."""
    return named_loss.load(name, LabelLoss, "labels")  # type: ignore[type-abstract]


def config_of(base: type[Settings], values: Mapping[str, Any]) -> type[Settings]:
    """``base``, which has ``loss``, with the settings of the one that ``values`` name.

    Raises: UnknownName; ConfigError for a loss on embeddings.
    """
    return named_loss.joined(base, load(str(values.get("loss", base.model_fields["loss"].default))).Config)
