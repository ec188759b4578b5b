"""What heads that tell categories, and dimensions beside them, have in common."""

from abc import ABC
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from cache.config import Settings
from heads.blocks import categories, label_loss
from heads.blocks.categories import Categories
from heads.head import Head, Output, Taught
from heads.inputs import words


class Categorical(Head, ABC):
    """A head whose Config is a ``CategorySettings`` with ``standardise``, and which makes its ``categories`` last, so
    that what they draw changes no other layer."""

    learns = categories.LEARNS
    gives = frozenset({"embedding", "logits", "dimensions"})
    categories: Categories

    def __init__(self, config: Any, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.config = config
        self.gives = categories.gives(type(self), config, sizes)
        self.approximates = categories.approximates(type(self), config, self.reads_words())

    @classmethod
    def config_of(cls, values: Mapping[str, Any]) -> type[Settings]:
        """With the settings of the loss that ``values`` name."""
        return label_loss.config_of(cls.Config, values)

    @classmethod
    def files_of(cls, config: Any) -> tuple[Path, ...]:
        """The label words', when there is a file."""
        return words.files(config)

    def reads_words(self) -> bool:
        """Whether the labels' words have a part in what is learned."""
        return bool(self.config.embedding_weight > 0)

    def learn_from(self, taught: Taught) -> None:
        """How often labels occur, where the loss asks for it; word vectors, where they are used."""
        self.categories.learn_from(taught)

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``class``, ``dimensions``, ``embedding``; see ``Categories``."""
        return self.categories.terms(output, targets)

    def parts(self) -> tuple[type, ...]:
        """With the loss."""
        return type(self), *self.categories.parts()

    def standardised(self) -> tuple[str, ...]:
        """Every input, when the config says so."""
        return self.inputs if self.config.standardise else ()
