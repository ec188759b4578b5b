"""Relational region-level analysis: a person's vector, gated by itself (BPA); the objects around, weighed by the person
(BOA); a graph of the labels that makes their classifiers (ELD). Each is a switch.

Without BOA all objects weigh the same; without BPA the person's vector is taken as it is; without ELD a classifier is
learned as usual. On CAER-S the face is in place of the body, and there is no ELD: heads/configs/relational.toml has
both forms.

The text leaves open, and we take: the gate is as wide as the person's vector (the text's 512 is narrower than
ResNet-50's 2,048); 128 of W_G is the width of E, since w_G of eq. 4 is a number; among the objects may be the
person, as a detector finds them. Its objects' vectors are C4 features (stage objects, ``features = "c4"``).

Source: relational region-level analysis (seeds/004), eq. 1 to 9, section 4.2 and tables 1 to 4.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import categories, label_loss
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.gate import Gate
from heads.blocks.label_graph import GraphSettings, LabelGraph
from heads.blocks.layers import Linear, generators
from heads.blocks.object_attention import ObjectAttention, even, placed, weighed
from heads.blocks.varied import Number
from heads.head import Looks, Output, Taught
from heads.inputs.streams import Feature, Pooled
from heads.models._categorical import Categorical

_EQ_9 = "weighted_l2"
_PEOPLE = 256
"""Whose objects are weighed in one go: bounds the memory of all heads' sums."""


class RelationalConfig(CategorySettings, GraphSettings):
    """body: the person's vector, to be gated. objects: a feature with ``features``, ``boxes`` and ``count``.
    person_box: the person's box, an array (4,). boa, geometry (of BOA), bpa, eld: the parts. attention_heads: h. key:
    width of W_1 and W_2, of each head. geometry_width: of E in eq. 4. gate_hidden: of BPA's first layer.
    dimensions_weight: 0 as published, which learns categories alone. standardise: bring the person's vector to mean 0
    and deviation 1 over the training people, which a map's mean passes through, so the gate stays exact; a trained
    backbone can remove the common part of ReLU outputs, a frozen one cannot, and without this training diverges."""

    body: Pooled = "body50/pooled"
    objects: Feature = "objects"
    person_box: Pooled = "pose/box"
    boa: bool = True
    geometry: bool = True
    bpa: bool = True
    eld: bool = True
    attention_heads: int = Field(16, ge=1, le=256)
    key: int = Field(128, ge=1, le=4096)
    geometry_width: int = Field(128, ge=8, le=4096, multiple_of=8)
    gate_hidden: int = Field(32, ge=1, le=16_384)
    tau: Number = Field(0.2, ge=0, le=1)
    p: Number = Field(0.2, ge=0, le=1)
    loss: str = _EQ_9
    dimensions_weight: float = Field(0, ge=0)
    standardise: bool = True


class Published(RelationalConfig):
    """weights: of eq. 9, by the training people."""

    weights: Literal["batch", "fixed"] = "fixed"


class Model(Categorical):
    """F = (gated person, W_3 of the weighed objects), (S, B, 2 d); logits are its products with the classifiers."""

    recordable = True
    Config = RelationalConfig
    approximates: tuple[str, ...] = ("frozen backbones for fine-tuned ones",)

    def __init__(
        self, config: RelationalConfig, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        draws, body = generators(seeds), int(widths[config.body])
        self.appearance, self.boxes, self.count = (f"{config.objects}/{x}" for x in ("features", "boxes", "count"))
        seen = widths[self.appearance][-1]
        self.gate = Gate(body, config.gate_hidden, draws) if config.bpa else None
        geometry = config.geometry_width if config.geometry else 0
        form = (config.attention_heads, config.key, geometry)
        self.attend = ObjectAttention(body, seen, *form, draws) if config.boa else None
        self.fuse = Linear(seen * (config.attention_heads if config.boa else 1), body, draws)
        labels = categories.count(sizes)
        wide = 2 * body
        self.classifier = LabelGraph(config, labels, wide, draws) if config.eld else Linear(wide, labels, draws)
        told = categories.dimensions(config, sizes)
        self.regressor = Linear(wide, told, draws) if told else None
        self.categories = Categories(config, sizes, draws, wide)

    @classmethod
    def config_of(cls, values: Mapping[str, Any]) -> type[Settings]:
        """With the settings of the loss that ``values`` name, eq. 9's as published."""
        chosen = values.get("loss", _EQ_9) == _EQ_9
        return label_loss.config_of(Published if chosen else cls.Config, values)

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """The person's vector, the objects, and both boxes where there is a geometry."""
        assert isinstance(config, RelationalConfig)
        return (config.body, *((config.person_box,) if _located(config) else ()), *cls.arrays_of(config))

    @classmethod
    def arrays_of(cls, config: Settings) -> tuple[str, ...]:
        """The objects'."""
        assert isinstance(config, RelationalConfig)
        read = ("features", "count", "boxes") if _located(config) else ("features", "count")
        return tuple(f"{config.objects}/{array}" for array in read)

    def reads_words(self) -> bool:
        """With a label graph, or the label-embedding loss."""
        return self.config.eld or super().reads_words()

    def learn_from(self, taught: Taught) -> None:
        """How often labels occur, and which stand together."""
        super().learn_from(taught)
        if isinstance(self.classifier, LabelGraph):
            self.classifier.learn_from(taught)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: see ``inputs_of``; (S, B, d) of a person, (S, B, 4) the box, (S, B, M, k) of the objects, (S, B, M,
        4) their boxes, (S, B) how many there are."""
        person = self._person(features)
        if self.training and self.regressor is None and self.categories.embedding is None:
            return Output(logits=self._logits(features, person))
        joined = torch.cat([person, self._around(features, person, self.fuse)], 2)
        logits = self.classifier(joined)
        dimensions = None if self.regressor is None else self.regressor(joined)
        return Output(joined, logits, dimensions, self.categories.aside(joined))

    def attention(self, features: Mapping[str, Tensor]) -> Tensor:
        """How much each head looks at each object, (S, B, H, M): over the objects it sums to 1, or is 0 where there is
        none; without BOA one head, which looks at all alike. features: as of ``forward``."""
        person = self._person(features)
        return torch.cat([self._weights(features, person, rows) for rows in _blocks(person)], 1)

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """Its attention on the objects where that is learned, and the graph of the labels, as far as it has them."""
        objects = {} if self.attend is None else {self.appearance: self.attention(features)}
        graph = self.classifier.adjacency if isinstance(self.classifier, LabelGraph) else None
        return Looks(objects=objects, graph=graph)

    def standardised(self) -> tuple[str, ...]:
        """The person's vector, when the config says so."""
        return (self.config.body,) if self.config.standardise else ()

    def _person(self, features: Mapping[str, Tensor]) -> Tensor:
        seen = features[self.config.body]
        return seen if self.gate is None else self.gate(seen)

    def _logits(self, features: Mapping[str, Tensor], person: Tensor) -> Tensor:
        """Those of F, which is not made: (W_3 O) . c is O . (W_3^T c), and classifiers c are fewer than people."""
        made, offset = self._classifiers()
        own, around = made[:, : person.shape[2]], made[:, person.shape[2] :]
        offset = offset + torch.bmm(self.fuse.bias, around)
        folded = self.fuse.folded(around)
        return torch.baddbmm(offset, person, own) + self._around(features, person, lambda x: torch.bmm(x, folded))

    def _classifiers(self) -> tuple[Tensor, Tensor]:
        """(S, 2 d, C), a column a label, and what is added, (S, 1, C)."""
        if isinstance(self.classifier, LabelGraph):
            made = self.classifier.classifiers().mT
            return made, made.new_zeros(len(made), 1, made.shape[2])
        bias = self.classifier.bias
        one = torch.eye(bias.shape[2], dtype=bias.dtype, device=bias.device).expand(len(bias), -1, -1)
        return self.classifier.folded(one), bias

    def _around(self, features: Mapping[str, Tensor], person: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
        """``then`` of the weighed objects O_B, (S, B, H k): with ``fuse`` W_3 O_B, (S, B, d)."""
        parts = []
        for rows in _blocks(person):
            made = weighed(self._weights(features, person, rows), features[self.appearance][:, rows])
            parts.append(then(made.flatten(2)))
        return torch.cat(parts, 1)

    def _weights(self, features: Mapping[str, Tensor], person: Tensor, rows: slice) -> Tensor:
        objects = features[self.appearance][:, rows]
        there = torch.arange(objects.shape[2], device=objects.device) < features[self.count][:, rows, None]
        if self.attend is None:
            return even(there, objects)
        where = None
        if self.attend.place is not None:
            where = placed(features[self.config.person_box][:, rows], features[self.boxes][:, rows])
        return self.attend.weights(person[:, rows], objects, there, where)


def _blocks(person: Tensor) -> list[slice]:
    """person: (S, B, d)."""
    if torch.compiler.is_exporting():  # a graph for any number of people has no loop over parts of them
        return [slice(None)]
    return [slice(start, start + _PEOPLE) for start in range(0, person.shape[1], _PEOPLE)]


def _located(config: RelationalConfig) -> bool:
    return config.boa and config.geometry
