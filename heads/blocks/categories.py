"""What all heads of categories share: how many outputs there are, and the loss terms of categories and dimensions.

A task's categories are one class a person (CLASS) or any number of labels (FLAGS); a head takes either. Its dimensions
are learned beside them where the task has some.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from cache.errors import ConfigError
from heads.blocks import label_loss
from heads.blocks.chosen import one_hot
from heads.blocks.cross_entropy import cross_entropy
from heads.blocks.dimensions_loss import Name, dimensions_loss
from heads.blocks.label_embedding import EmbeddingSettings, LabelEmbedding
from heads.blocks.varied import Number, column
from heads.head import CLASS, DIMENSIONS, FLAGS, Head, Output, Taught, given
from heads.inputs import words

LEARNS = frozenset({CLASS, FLAGS, DIMENSIONS})


class CategorySettings(EmbeddingSettings):
    """loss: a file of heads/losses on labels, whose settings stand beside these; one class a person always has
    cross-entropy. class_weight: of that term.

    dimensions_loss: "smooth_l1", "margin_euclidean" or "l2", see ``heads.blocks.dimensions_loss``. dimensions_scale:
    errors are multiplied by it first. dimensions_margin: the error in 0..1 that margin_euclidean lets pass; 0.1 is one
    of ten steps. dimensions_weight: of that term; 0 leaves the dimensions out of the head.
    """

    loss: str = "bce"
    class_weight: Number = Field(1, ge=0)
    dimensions_loss: Name = "smooth_l1"
    dimensions_scale: Number = Field(1, gt=0)
    dimensions_margin: Number = Field(0.1, ge=0)
    dimensions_weight: float = Field(1, ge=0)


def kind_of(sizes: Mapping[str, int]) -> str:
    """CLASS or FLAGS, which of the two the task has. Raises: ConfigError for one without either."""
    found = next((kind for kind in (FLAGS, CLASS) if kind in sizes), None)
    if found is None:
        raise ConfigError(f"the protocol teaches {', '.join(sizes)} alone, this head tells classes or labels too")
    return found


def count(sizes: Mapping[str, int]) -> int:
    """How many classes or labels a head tells."""
    return sizes[kind_of(sizes)]


def dimensions(config: Any, sizes: Mapping[str, int]) -> int:
    """How many dimensions a head tells: the task's, or none when the settings leave them out."""
    return sizes.get(DIMENSIONS, 0) if config.dimensions_weight else 0


def approximates(head: type[Head], config: Any, reads_words: bool) -> tuple[str, ...]:
    """What a head of this config approximates beside what its class does: words, where it reads some and there is no
    file of them."""
    return (*head.approximates, *(words.stand_in(config) if reads_words else ()))


def gives(head: type[Head], config: Any, sizes: Mapping[str, int]) -> frozenset[str]:
    """What a head of this config gives of all that its class can give."""
    return head.gives if dimensions(config, sizes) else head.gives - {"dimensions"}


class Categories(nn.Module):
    """The loss terms ``class``, ``dimensions`` and ``embedding``, of those that there are.

    loss: the LabelLoss, None where people have one class. embedding: None where the settings leave it out; else a head
    puts ``embedding(visual)`` into ``Output.aside`` while it is trained.
    """

    def __init__(
        self, config: Any, sizes: Mapping[str, int], draws: Sequence[torch.Generator], visual: int = 0
    ) -> None:
        """config: has the fields of CategorySettings. draws: one generator for each seed, used for the embedding's
        layer alone. visual: width of what a person looks like, as layers that are trained tell it; 0 where there are
        none. Raises: ConfigError for settings that would do nothing."""
        super().__init__()
        self.config, self.kind, self.classes = config, kind_of(sizes), count(sizes)
        self.dimensions = dimensions(config, sizes)
        self.loss = label_loss.load(config.loss)(config, self.classes, len(draws)) if self.kind == FLAGS else None
        if self.loss is None and config.loss != (usual := type(config).model_fields["loss"].default):
            told = f"loss = {config.loss!r} is on several labels a person; here each has one class, and cross-entropy"
            raise ConfigError(f"{told}. Leave loss out (it is {usual!r} then, and not used)")
        embedded = config.embedding_weight > 0
        if embedded and not visual:
            told = "embedding_weight would change nothing: it reaches no layer that categories are told by"
            raise ConfigError(f"{told}. Leave it out, or take a head with layers before its classifier")
        self.embedding = LabelEmbedding(config, visual, self.classes, draws) if embedded else None

    def learn_from(self, taught: Taught) -> None:
        """See ``Head.learn_from``."""
        if self.loss is not None:
            self.loss.learn_from(taught)
        if self.embedding is not None:
            self.embedding.learn_from(taught.classes[: self.classes], self._flags(taught.targets, torch.float32))

    def aside(self, visual: Tensor) -> Tensor | None:
        """For ``Output.aside``: the place among the words, while the head is trained. visual: (S, B, d)."""
        return self.embedding(visual) if self.embedding is not None and self.training else None

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each (S,) and weighted. See ``Head.terms``."""
        told = self._told(given(output.logits), targets[self.kind])
        found = {"class": column(self.config.class_weight, told) * told}
        if self.dimensions:
            found["dimensions"] = self.config.dimensions_weight * self._measured(output, targets)
        if self.embedding is not None and output.aside is not None:
            flags = self._flags(targets, output.aside.dtype)
            found["embedding"] = self.config.embedding_weight * self.embedding.loss(output.aside, flags)
        return found

    def parts(self) -> tuple[type, ...]:
        """The classes chosen by name, see ``Head.parts``."""
        return () if self.loss is None else (type(self.loss),)

    def _told(self, logits: Tensor, wanted: Tensor) -> Tensor:
        if self.loss is None:
            return cross_entropy(logits, wanted)
        value: Tensor = self.loss(logits, wanted)
        return value

    def _measured(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        config, made = self.config, given(output.dimensions)
        scale, margin = config.dimensions_scale, config.dimensions_margin
        return dimensions_loss(config.dimensions_loss, made, targets[DIMENSIONS], scale, margin)

    def _flags(self, targets: Mapping[str, Tensor], dtype: torch.dtype) -> Tensor:
        wanted = targets[self.kind]
        return wanted if self.kind == FLAGS else one_hot(wanted, self.classes).to(dtype)
