"""Temporal segment networks on cached frames: streams by letter side by side in each snippet, then a consensus.

A clip's T cached frames are cut into K segments. In training a random frame of each is seen, in evaluation the middle
one: K is ``k_train`` and ``k_val``, and no more than T. A frame counts where the first stream has something to see, so
that of a person who is not there nothing is said; what another stream lacks in it is as its mean. The networks that
made the features are frozen; ``stream`` gives each pooled vector a layer of its own, which the label-embedding loss
needs to have an effect, and ``tail=layer4`` trains a ResNet's last block, see ``_tailed``, whose kept statistics are
partial batch normalisation.

Source: thesis (seeds/003), sections 5.1.2 and 5.2.1, loss of eq. 5.17.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Self

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks import categories, confidences
from heads.blocks.categories import Categories
from heads.blocks.confidences import ConfidenceSettings
from heads.blocks.consensus import Consensus, Kind, summed
from heads.blocks.draws import Draws
from heads.blocks.frame_norm import FrameNorm
from heads.blocks.hidden import Hidden
from heads.blocks.layers import Linear, generators
from heads.blocks.segments import Snippets, snippets
from heads.head import Output
from heads.inputs.streams import once, words
from heads.models._tailed import Tailed, TailSettings

POOLED = ("B", "C", "F")
"""Letters of what a network's last features are."""
PRESENT = "present"
Width = Annotated[int, Field(ge=1, le=16_384)]


def in_order(letters: Mapping[str, str]) -> Callable[[str], str]:
    """What checks a set of ``letters`` and brings it to their order."""

    def ordered(word: str) -> str:
        if wrong := sorted(set(word) - set(letters)):
            known = ", ".join(f"{letter} {name}" for letter, name in letters.items())
            raise ValueError(f"{wrong[0]!r} is no stream's letter; there are {known}")
        if len(set(word)) < len(word):
            raise ValueError("a letter stands twice")
        if not word:
            raise ValueError("there has to be a letter at least")
        return "".join(letter for letter in letters if letter in word)

    return ordered


class SegmentSettings(TailSettings, ConfidenceSettings):
    """k_train, k_val: segments in training, and where it is judged, 0 for as many. consensus: "average", "linear" (a
    weight for each place, so k_val is k_train) or "attention". stream: width of a layer with batch normalisation and
    ReLU for each of B, C and F; 0: none. regression: widths of the layers before the dimensions. standardise: bring
    every vector to mean 0 and deviation 1 over the frames that are seen in training."""

    k_train: int = Field(3, ge=1, le=1000)
    k_val: int = Field(25, ge=0, le=1000)
    consensus: Kind = "average"
    stream: int = Field(0, ge=0, le=16_384)
    regression: Annotated[tuple[Width, ...], BeforeValidator(words)] = ()
    standardise: bool = True

    @model_validator(mode="after")
    def _as_many_places(self) -> Self:
        if self.consensus == "linear" and self.k_val not in (0, self.k_train):
            told = f"k_train = {self.k_train}, k_val = {self.k_val}"
            raise ValueError(f"consensus = linear has a weight for each segment, so their numbers are equal: {told}")
        return self


class Segments(Tailed):
    """Snippets, a layer to the categories and layers to the dimensions in each, a consensus over them."""

    learns = confidences.LEARNS
    approximates: tuple[str, ...] = ("frozen backbones for fine-tuned ones",)

    def __init__(self, config: Any, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.streams = tuple(zip(config.streams, self.rows_of(config), strict=True))
        self.frames = _frames({name: widths[name] for _, name in self.streams})
        self.segments = {True: min(config.k_train, self.frames)}
        self.segments[False] = min(config.k_val or config.k_train, self.frames)
        self.approximates = (*self.approximates, *self._fewer())
        whole = self.start(config, {name: widths[name][1:] for _, name in self.streams}, seeds)
        shapes = {name: shape[0] if isinstance(shape, tuple) else shape for name, shape in whole.items()}
        draws, labels, told = generators(seeds), categories.count(sizes), categories.dimensions(config, sizes)
        self.norms = nn.ModuleDict(
            {letter: FrameNorm(shapes[name], len(seeds)) for letter, name in self.streams if self._scaled(name)}
        )
        self.encoders = nn.ModuleDict(
            {x: Hidden(shapes[name], (config.stream,), draws) for x, name in self.streams if self._layered(x)}
        )
        width = sum(config.stream if self._layered(letter) else shapes[name] for letter, name in self.streams)
        self.classifier = Linear(width, labels, draws)
        inner = [width, *config.regression, told] if told else []
        self.regressors = nn.ModuleList(Linear(*pair, draws) for pair in pairwise(inner))
        self.consensus = Consensus(config.consensus, self.segments[True], width, draws)
        self.draws = Draws(seeds)
        self.categories = Categories(config, sizes, draws, width if self.encoders or self.tails else 0)

    @classmethod
    def rows_of(cls, config: Any) -> tuple[str, ...]:
        """The array of each letter. Raises: ConfigError for one that stands twice."""
        return once([cls.row_of(config, letter) for letter in config.streams])

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """One for each letter, then where each feature has something to see."""
        rows = cls.rows_of(config)
        return (*rows, *dict.fromkeys(_present(name) for name in rows))

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """All but where there is something to see."""
        return cls.rows_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, T, d) of each stream, (S, B, T, c, h, w) of one whose last block is trained, and (S, B, T)
        ``present`` of each feature."""
        chosen = self._snippets(features[_present(self.streams[0][1])] > 0.5)
        joined = self._joined(features, chosen)
        weights = self.consensus(chosen.counted, joined)
        flat = joined.flatten(1, 2)
        logits = summed(weights, self.classifier(flat).view(*joined.shape[:3], -1))
        told = self._dimensions(flat)
        dimensions = None if told is None else summed(weights, told.view(*joined.shape[:3], -1))
        seen = summed(weights, joined)
        return Output(seen, logits, dimensions, self.categories.aside(seen))

    def _snippets(self, present: Tensor) -> Snippets:
        noise = self.draws(self.classifier.weight, *present.shape[1:]) if self.training else None
        return snippets(present, self.segments[self.training], noise)

    def _joined(self, features: Mapping[str, Tensor], chosen: Snippets) -> Tensor:
        """(S, B, K, D): the streams side by side."""
        there = {name: chosen.of(features[_present(name)] > 0.5).flatten(1, 2) for _, name in self.streams}
        cut = {name: _only(chosen.of(features[name]).flatten(1, 2), there[name]) for _, name in self.streams}
        through, every = self.through(cut), []
        for letter, name in self.streams:
            x = through[name]
            if letter in self.norms:
                x = self.norms[letter](x, there[name])
            every.append(self.encoders[letter](x) if letter in self.encoders else x)
        return torch.cat(every, 2).view(*chosen.places.shape, -1)

    def _dimensions(self, x: Tensor) -> Tensor | None:
        if not self.regressors:
            return None
        for layer in self.regressors[:-1]:
            x = F.relu(layer(x))
        made: Tensor = self.regressors[-1](x)
        return made

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """And ``scores``."""
        return {**super().terms(output, targets), **confidences.terms(self.config, output, targets)}

    def standardised(self) -> tuple[str, ...]:
        """None by the store: frames stay in it, and the head does it itself."""
        return ()

    def _scaled(self, name: str) -> bool:
        return bool(self.config.standardise) and name not in self.blocks_of(self.config)

    def _layered(self, letter: str) -> bool:
        return self.config.stream > 0 and letter in POOLED

    def _fewer(self) -> list[str]:
        """What is said where more segments are asked for than frames are cached."""
        asked = {"k_train": self.config.k_train, "k_val": self.config.k_val}
        lacking = " and ".join(f"{name} = {count}" for name, count in asked.items() if count > self.frames)
        return [f"{self.frames} cached frames a clip for {lacking} segments"] if lacking else []


def _present(name: str) -> str:
    return f"{name.partition('/')[0]}/{PRESENT}"


def _only(x: Tensor, there: Tensor) -> Tensor:
    """x, (S, n, ...), but 0 where ``there``, (S, n), is False."""
    return torch.where(there.reshape(*there.shape, *[1] * (x.dim() - 2)), x, 0)


def _frames(shapes: Mapping[str, Any]) -> int:
    """T. Raises: ConfigError when they are photographs' or differ."""
    for name, shape in shapes.items():
        if not isinstance(shape, tuple) or len(shape) < 2:
            raise ConfigError(f"{name}: has no frames, a row is {shape}; this head takes clips, (T, d)")
    (first, shape), *others = shapes.items()
    for name, other in others:
        if other[0] != shape[0]:
            told = f"{first} has {shape[0]} frames a clip, {name} {other[0]}"
            raise ConfigError(f"{told}. Extract both with the same frames =")
    return int(shape[0])
