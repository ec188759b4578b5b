"""CAER-Net: a face and what is around it, weighed against each other person by person.

What the two streams' networks of five convolutions gave stands in the cache: a pooled vector each, which one layer
brings to ``stream``. ``context`` is to be a picture whose face is hidden: where boxes are faces (CAER-S) the feature
``context`` is that; elsewhere one of ``backbone`` with ``input = "context"``, ``blank = "face"``. With
``attended`` the context's last feature maps are read in place of the pooled vector, and where to look is learned. The
dropout before the classifier is left out. Labels beyond one class a person, and dimensions, are ours.

Source: Lee et al. 2019, Context-aware emotion recognition networks, section 3.2 (two streams, attention over the
context's places by softmax) and 3.3 (adaptive fusion: a softmax over one number a stream, concatenation, classifier).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.aligned import full_name
from cache.errors import ConfigError
from heads.blocks import categories
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.class_maps import class_maps
from heads.blocks.convolution import Conv2d
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.head import ClassMaps, Looks, Output
from heads.inputs.streams import Pooled
from heads.models._categorical import Categorical

MAP = "map"


class Looking(nn.Module):
    """Which places of a map count: two 3 x 3 convolutions to one number a place, a softmax over the places."""

    def __init__(self, channels: int, hidden: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.first = Conv2d(channels, hidden, 3, draws, padding=1)
        self.norm = BatchNorm(hidden, len(draws))
        self.second = Conv2d(hidden, 1, 3, draws, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (S, B, c, h, w). Returns (S, B, h, w), which sums to 1."""
        scores = self.second(F.relu(self.norm(self.first(maps)))).squeeze(2)
        places: Tensor = scores.flatten(2).softmax(2).view_as(scores)
        return places


class Stream(nn.Module):
    """A vector to ``stream`` numbers, and the one by which it is weighed. Source: figure 2, section 3.3."""

    def __init__(self, width: int, stream: int, hidden: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.encoder, self.norm = Linear(width, stream, draws), BatchNorm(stream, len(draws))
        self.first, self.second = Linear(stream, hidden, draws), Linear(hidden, 1, draws)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (S, B, d). Returns (S, B, stream) and (S, B, 1)."""
        encoded = F.relu(self.norm(self.encoder(x)))
        return encoded, self.second(F.relu(self.first(encoded)))


class Model(Categorical):
    """Two streams, their weights, concatenation, a hidden layer, a classifier."""

    recordable = True
    approximates = ("frozen networks in place of its own five convolutions a stream",)

    class Config(CategorySettings):
        """face, context: the features of the two streams. attended: look at the context's ``map``. stream: width of
        each stream. hidden: of the layers that weigh the streams, of the one that looks at places, of the last one."""

        face: Pooled = "face_features/pooled"
        context: Pooled = "context/pooled"
        attended: bool = False
        stream: int = Field(256, ge=1, le=16_384)
        hidden: int = Field(128, ge=1, le=16_384)
        standardise: bool = True

    def __init__(self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]):
        super().__init__(config, widths, sizes, seeds)
        draws = generators(seeds)
        face, context = (widths[name] for name in self.inputs)
        self.looking = Looking(context[0], config.hidden, draws) if config.attended else None
        self.face = Stream(face, config.stream, config.hidden, draws)
        self.context = Stream(context[0] if config.attended else context, config.stream, config.hidden, draws)
        self.last = Linear(2 * config.stream, config.hidden, draws)
        self.classifier = Linear(config.hidden, categories.count(sizes), draws)
        numbers = categories.dimensions(config, sizes)
        self.regressor = Linear(config.hidden, numbers, draws) if numbers else None
        self.categories = Categories(config, sizes, draws, config.hidden)

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """The face's, then the context's."""
        context = full_name(config.context)
        if config.attended:
            context = f"{context.partition('/')[0]}/{MAP}"
        if context == config.face:
            raise ConfigError(f"caer_net: {context} is the face and the context; name another feature for one of them")
        return config.face, context

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """The context's maps, where they are looked at."""
        return cls.inputs_of(config)[1:] if config.attended else ()

    def attention(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By input: how much each place of its maps counts, (S, B, h, w)."""
        return {} if self.looking is None else {self.inputs[1]: self.looking(features[self.inputs[1]])}

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: face (S, B, d); context (S, B, d), or maps (S, B, c, h, w)."""
        face, context = (features[name] for name in self.inputs)
        if self.looking is not None:
            context = (context * self.looking(context).unsqueeze(2)).sum((3, 4))
        embedding = self._embedding(face, context)
        dimensions = None if self.regressor is None else self.regressor(embedding)
        return Output(embedding, self.classifier(embedding), dimensions, self.categories.aside(embedding))

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """How much each place counts, and what it says of each class, where the context's map is looked at."""
        if self.looking is None:
            return Looks()
        face, name = features[self.inputs[0]], self.inputs[1]
        maps = self.looking(features[name])
        places = features[name] * maps.unsqueeze(2) * maps[0, 0].numel()
        values = class_maps(places, lambda context: self.classifier(self._embedding(face, context)))
        return Looks({name: maps}, [ClassMaps(name, values, exact=False)])

    def _embedding(self, face: Tensor, context: Tensor) -> Tensor:
        """Of the two pooled vectors, (S, B, d) each."""
        (face, face_score), (context, context_score) = self.face(face), self.context(context)
        weights = torch.cat([face_score, context_score], 2).softmax(2)
        fused = torch.cat([face * weights[..., :1], context * weights[..., 1:]], 2)
        return F.relu(self.last(fused))

    def standardised(self) -> tuple[str, ...]:
        """The vectors, when the config says so."""
        arrays = self.arrays_of(self.config)
        return tuple(name for name in self.inputs if name not in arrays) if self.config.standardise else ()
