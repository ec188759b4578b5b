"""The thesis' model: any set of streams, by letter, side by side; categories from all at once, dimensions by layers.

``streams=BCFPSA``: B body, C context with the person hidden, F face, P pose, S scenes, A attributes, D depth. Each
letter's feature is a setting; ``extra`` puts any other vector of the store beside them. The networks that made the
features are frozen here; ``stream`` gives each pooled vector a layer of its own, which can learn something of what a
fine-tuned network would, and which the label-embedding loss (``embedding_weight``) needs to have an effect.
``tail=layer4`` trains a ResNet's last block, see ``_tailed``.

Source: thesis (seeds/003), section 4.2.1: direct fusion, the categories' layer on the concatenated features; two layers
(B, BC: ``regression=512,256``), three, or five (ResNet-50: ``4096,2048,1024,512,256``) with ReLU before the dimensions;
BCE and smooth L1; the embedding loss on body and context alone; tables 4.4 to 4.20 but for the rows with ABN or ML-GCN.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

import torch
from pydantic import AfterValidator, BeforeValidator, Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks import categories
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.class_maps import class_maps
from heads.blocks.hidden import Hidden
from heads.blocks.layers import ALL, Linear, generators, learned
from heads.head import ClassMaps, Looks, Output
from heads.inputs.streams import ExtraStreams, Pooled, once, words
from heads.models import _pose
from heads.models._tailed import Tailed, TailSettings

LETTERS = {
    "B": "body",
    "C": "context",
    "F": "face",
    "P": "pose_vector",
    "S": "scenes",
    "A": "attributes",
    "D": "depth",
}
"""And the setting that names each one's feature."""
POOLED = ("B", "C", "F", "D")
"""Those that a network's last features are, which the thesis fine-tunes."""
VISUAL = ("B", "C")
"""Those that the label-embedding loss is on."""


def _letters(word: str) -> str:
    """In the thesis' order, so that two ways to write one set are one setting."""
    if wrong := sorted(set(word) - set(LETTERS)):
        known = ", ".join(f"{letter} {name}" for letter, name in LETTERS.items())
        raise ValueError(f"{wrong[0]!r} is no stream's letter; there are {known}")
    if len(set(word)) < len(word):
        raise ValueError("a letter stands twice")
    return "".join(letter for letter in LETTERS if letter in word)


Width = Annotated[int, Field(ge=1, le=16_384)]


class Model(Tailed):
    """Streams side by side, a layer to the categories, layers to the dimensions."""

    recordable = True
    letters = LETTERS
    approximates: tuple[str, ...] = ("frozen backbones for fine-tuned ones",)

    class Config(ExtraStreams, TailSettings, CategorySettings):
        """streams: letters. body to depth: the feature of each letter, as ``feature/array``. pose: how the pose vector
        is read, see ``_pose.encoder``. stream: width of a layer with batch normalisation and ReLU for each of B, C, F,
        D and the extra ones; 0: none. regression: widths of the layers before the dimensions; empty: none.
        standardise: bring every input but the pose vector, whose own layers do, to mean 0 and deviation 1 over the
        training people."""

        streams: Annotated[str, AfterValidator(_letters)] = "BCFPSA"
        body: Pooled = "body/pooled"
        context: Pooled = "context/pooled"
        face: Pooled = "face_features/pooled"
        pose_vector: Pooled = "pose_vector/vector"
        scenes: Pooled = "scene/scores"
        attributes: Pooled = "scene/attributes"
        depth: Pooled = "depth_features/pooled"
        pose: _pose.Kind = "conv1d"
        stream: int = Field(0, ge=0, le=16_384)
        regression: Annotated[tuple[Width, ...], BeforeValidator(words)] = (1024, 512, 256)
        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        widths, draws = self.start(config, widths, seeds), generators(seeds)
        self.roles: list[str | None] = [*config.streams, *[None] * len(config.extra)]
        self.encoders = nn.ModuleList(
            self._encoder(role, widths[name], draws) for role, name in zip(self.roles, self.inputs, strict=True)
        )
        each = [self._width(role, widths[name]) for role, name in zip(self.roles, self.inputs, strict=True)]
        self.classifier = self._classifier(sum(each), categories.count(sizes), draws)
        wide = categories.dimensions(config, sizes)
        inner = [sum(each), *config.regression, wide] if wide else []
        self.regressors = nn.ModuleList(Linear(*pair, draws) for pair in pairwise(inner))
        seen = [width for role, width in zip(self.roles, each, strict=True) if role in VISUAL]
        self.categories = Categories(config, sizes, draws, sum(seen) if config.stream else 0)

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """One for each letter, then the extra ones. Raises: ConfigError for none, or for one that stands twice."""
        found = once([*(cls.row_of(config, letter) for letter in config.streams), *config.extra])
        if not found:
            raise ConfigError('streams is empty: SET="streams=BC" takes body and context, or name extra ones')
        return found

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input, (S, B, c, h, w) of those whose last block is trained."""
        every = self._encoded(self.through(features))
        joined, wanted = torch.cat(every, 2), learned(every)
        visual = [one for role, one in zip(self.roles, every, strict=True) if role in VISUAL]
        aside = self.categories.aside(torch.cat(visual, 2)) if self.categories.embedding is not None else None
        return Output(joined, self.classifier(joined, wanted), self._dimensions(joined, wanted), aside)

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """What the last maps of the streams with a block say of each class."""
        return Looks(classes=self.class_maps(features, self.last_maps(features)))

    def class_maps(self, features: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> list[ClassMaps]:
        """Exact where no layer of its own stands between a stream and the classifier. features: as of ``forward``.
        places: of each input that has maps, those that are pooled, (S, B, c, h, w)."""
        pooled = {**features, **{name: x.mean((3, 4)) for name, x in places.items()}}
        layered = {name: self._layered(role) for role, name in zip(self.roles, self.inputs, strict=True)}
        return [
            ClassMaps(name, class_maps(x, partial(self._logits, pooled, name)), exact=not layered[name])
            for name, x in places.items()
        ]

    def _logits(self, pooled: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
        """With ``x`` in place of the input ``name``."""
        logits: Tensor = self.classifier(torch.cat(self._encoded({**pooled, name: x}), 2))
        return logits

    def _encoded(self, pooled: Mapping[str, Tensor]) -> list[Tensor]:
        return [encoder(pooled[name]) for encoder, name in zip(self.encoders, self.inputs, strict=True)]

    def _classifier(self, width: int, labels: int, draws: Sequence[torch.Generator]) -> nn.Module:
        """Of the concatenation, (S, B, width) -> (S, B, labels); see ``Streamed`` for ``wanted``."""
        return Linear(width, labels, draws)

    def _dimensions(self, x: Tensor, wanted: slice) -> Tensor | None:
        if not self.regressors:
            return None
        for layer in self.regressors[:-1]:
            x, wanted = F.relu(layer(x, wanted)), ALL
        made: Tensor = self.regressors[-1](x, wanted)
        return made

    def _layered(self, role: str | None) -> bool:
        return self.config.stream > 0 and (role is None or role in POOLED)

    def _encoder(self, role: str | None, width: int, draws: Sequence[torch.Generator]) -> nn.Module:
        if role == "P":
            if width != _pose.VECTOR:
                raise ConfigError(f"{self.config.pose_vector}: is {width} wide, a pose vector {_pose.VECTOR}")
            return _pose.encoder(self.config.pose, draws)
        return Hidden(width, (self.config.stream,), draws) if self._layered(role) else nn.Identity()

    def _width(self, role: str | None, width: int) -> int:
        """Of a stream's part of the concatenation."""
        if role == "P":
            return _pose.OUTPUT
        return self.config.stream if self._layered(role) else width

    def standardised(self) -> tuple[str, ...]:
        """All but the pose vector, when the config says so."""
        poses = [name for role, name in zip(self.roles, self.inputs, strict=True) if role == "P"]
        return tuple(name for name in super().standardised() if name not in poses)
