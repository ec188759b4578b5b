"""What a metric loss and a miner must provide; a file in heads/losses or heads/miners is one of them, by its name.

All defaults are those of pytorch-metric-learning, but where a docstring says otherwise; every value and gradient is
what it gives for each seed alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cache import plugins
from cache.config import Settings
from heads.blocks import named_loss
from heads.blocks.chosen import Chosen
from heads.blocks.distances import unit


class Miner(ABC):
    """Chooses what of a batch is worth learning from; nothing of it is differentiated. recordable: see
    ``heads.learning.recording.recordable``."""

    Config: ClassVar[type[Settings]] = Settings
    recordable: ClassVar[bool] = False

    def __init__(self, config: Any) -> None:
        """config: has at least the fields of ``Config``."""
        self.config = config

    @abstractmethod
    def choose(self, normalised: Tensor, labels: Tensor) -> Chosen:
        """normalised: (S, B, e) of length 1, detached. labels: (S, B)."""


class Loss(nn.Module, ABC):
    """A loss on embeddings, with a proxy for each class where it learns some. recordable: see
    ``heads.learning.recording.recordable``."""

    Config: ClassVar[type[Settings]] = Settings
    recordable: ClassVar[bool] = False

    def __init__(self, config: Any, embedding: int, classes: int, draws: Sequence[torch.Generator]) -> None:
        """config: has at least the fields of ``Config``. embedding: e. draws: one generator for each seed."""
        super().__init__()
        self.config, self.embedding, self.classes = config, embedding, classes
        self.start(draws)

    def start(self, draws: Sequence[torch.Generator]) -> None:
        """Make the loss's own parameters, seeds first; most have none."""

    @abstractmethod
    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """normalised: (S, B, e) of length 1. labels: (S, B). Returns (S,); 0, with a zero gradient, for a seed of whose
        batch nothing was chosen that the loss could use."""


class MetricLearning(nn.Module):
    """A miner and a loss, both by name."""

    def __init__(self, config: Any, embedding: int, classes: int, draws: Sequence[torch.Generator]) -> None:
        """config: ``loss``, ``miner`` and their settings, flat."""
        super().__init__()
        loss, miner = parts(config.loss, config.miner)
        self.miner, self.loss = miner(config), loss(config, embedding, classes, draws)

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """embedding: (S, B, e). labels: (S, B). Returns (S,)."""
        normalised = unit(embedding)
        with torch.no_grad():
            chosen = self.miner.choose(normalised.detach(), labels)
        value: Tensor = self.loss(normalised, labels, chosen)
        return value


def parts(loss: str, miner: str) -> tuple[type[Loss], type[Miner]]:
    """Raises: UnknownName with the nearest name; ConfigError with those that fit, for a loss on labels."""
    kind = named_loss.load(loss, Loss, "embeddings")  # type: ignore[type-abstract]
    return kind, plugins.load("heads.miners", miner, "Miner")


def config_of(base: type[Settings], values: Mapping[str, Any]) -> type[Settings]:
    """``base``, which has ``loss`` and ``miner``, with the settings of the two that ``values`` name.

    Raises: UnknownName; ConfigError for a loss on labels.
    """
    loss, miner = (str(values.get(key, base.model_fields[key].default)) for key in ("loss", "miner"))
    return named_loss.joined(base, *(part.Config for part in parts(loss, miner)))
