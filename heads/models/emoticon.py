"""EmotiCon: face and gait whose scores are multiplied, the context with an attention branch, other people near by.

``streams`` says which of these there are, by letter:
- F: the face. Its 67 landmarks by OpenFace are no feature here; a face network's vector stands for them and their three
  convolutions, and the three fully connected layers follow.
- P: the gait, the 25 joints of ``pose_vector``: two graph layers on the skeleton, one convolution over the joints.
- C: the picture without the person, by its last feature maps, with an attention branch (eq. 4.5), which has a loss of
  its own.
- D: a depth map, by a network's vector of it. As published, D or G, not both.
- G: the proximity graph (eq. 4.6) of the people of the image, by their boxes: two graph layers, two fully connected
  ones. A head sees single people, so the others' boxes stand in the feature ``neighbours`` of each. Distances are
  printed in pixels, at which e^-d is 0 for any two people, and mu is not printed: ``unit`` and ``reach``.

The scores of F and P are fused (``heads.blocks.multiplicative``), stand beside those of C and of D or G, and go through
52 hidden units for 26 classes, two a class for others. The published model tells no dimensions, and neither does this
one unless ``dimensions_weight`` says so. Lambda 1, lambda 2 and beta are not printed; here they are 1.

Source: thesis (seeds/003), section 4.1.2, eq. 4.4 to 4.8, figure 4.3, table 4.3; Mittal et al. 2020, EmotiCon.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks import categories
from heads.blocks.attention_branch import AttentionBranch, own_loss
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.chosen import one_hot
from heads.blocks.class_maps import BRANCH, branch_maps, class_maps
from heads.blocks.layers import Linear, generators
from heads.blocks.multiplicative import fused, log_probabilities, multiplicative_loss
from heads.blocks.varied import Number, column
from heads.head import FLAGS, ClassMaps, Looks, Output
from heads.inputs.streams import Pooled
from heads.models._categorical import Categorical
from heads.models._emoticon import stream

ROLES = {"F": "face", "P": "pose", "C": "context", "D": "depth", "G": "neighbours"}
ARRAYS = "CG"
"""The letters whose rows are no vectors."""
FUSED = frozenset("FP")
"""Those whose scores are multiplied."""


def _letters(word: str) -> str:
    if not word or set(word) - set(ROLES) or len(set(word)) < len(word):
        raise ValueError(f"must be letters of {''.join(ROLES)}, each at most once")
    return "".join(letter for letter in ROLES if letter in word)


class Model(Categorical):
    """Scores of each stream, the fusion of face and gait, two layers."""

    recordable = True
    approximates = ("frozen networks for trained ones", "a face network's vector for 67 landmarks")

    class Config(CategorySettings):
        """streams: see above. face, pose, context, depth, neighbours: the arrays they read. hidden: width of the layers
        of F, D and G. beta: of eq. 4.7. multiplicative_weight: lambda 1 of eq. 4.8; class_weight is lambda 2.
        attention_weight: of the attention branch's loss. unit: pixels that are a distance of 1. reach: mu, in it."""

        streams: Annotated[str, AfterValidator(_letters)] = "FPCD"
        face: Pooled = "face_features/pooled"
        pose: Pooled = "pose_vector/vector"
        context: Pooled = "context/map"
        depth: Pooled = "depth_features/pooled"
        neighbours: Pooled = "neighbours/boxes"
        hidden: int = Field(256, ge=1, le=16_384)
        beta: float = Field(1, ge=0)
        multiplicative_weight: Number = Field(1, ge=0)
        attention_weight: Number = Field(1, ge=0)
        unit: float = Field(100, gt=0)
        reach: float = Field(5, gt=0)
        dimensions_weight: float = Field(0, ge=0)
        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.kind, self.classes = categories.kind_of(sizes), categories.count(sizes)
        draws = generators(seeds)
        rows = zip(config.streams, (widths[name] for name in self.inputs), strict=True)
        self.streams = nn.ModuleDict({one: stream(one, row, config, self.classes, draws) for one, row in rows})
        here = "C" in config.streams
        self.branch = AttentionBranch(widths[config.context][0], self.classes, draws) if here else None
        beside = len(set(config.streams) - FUSED)
        together = min(1, len(config.streams) - beside)
        hidden = 2 * self.classes
        self.last = Linear((together + beside) * self.classes, hidden, draws)
        self.classifier = Linear(hidden, self.classes, draws)
        numbers = categories.dimensions(config, sizes)
        self.regressor = Linear(hidden, numbers, draws) if numbers else None
        self.categories = Categories(config, sizes, draws, hidden)

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """One for each letter, in the order of the letters."""
        names = tuple(getattr(config, ROLES[letter]) for letter in config.streams)
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ConfigError(f"emoticon: {twice} is the input of two streams; name another feature for one of them")
        return names

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """The context's maps and the people near by."""
        return tuple(getattr(config, ROLES[letter]) for letter in config.streams if letter in ARRAYS)

    def attention(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By input: the map of the attention branch, (S, B, h, w)."""
        name = self.config.context
        return {} if self.branch is None else {name: self.branch(features[name]).map}

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of F, P and D; (S, B, c, h, w) of C; (S, B, n, 4) of G."""
        scores, told = {}, []
        for letter, name in zip(self.config.streams, self.inputs, strict=True):
            x = features[name]
            if letter == "C" and self.branch is not None:
                attended = self.branch(x)
                x, told = attended.pooled, [attended.logits]
            scores[letter] = self.streams[letter](x)
        joint = [scores[letter] for letter in self.config.streams if letter in FUSED]
        embedding = self._embedding(scores)
        dimensions = None if self.regressor is None else self.regressor(embedding)
        placed = self.categories.aside(embedding)
        beside = [*joint, *told, *([] if placed is None else [placed])]
        aside = torch.cat(beside, 2) if self.training and beside else None
        return Output(embedding, self.classifier(embedding), dimensions, aside)

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """The map of the attention branch, and what the context's maps say of each class, where it is a stream."""
        if self.branch is None:
            return Looks()
        name, named = self.config.context, zip(self.config.streams, self.inputs, strict=True)
        seen = self.branch(features[name])
        scores = {letter: self.streams[letter](features[word]) for letter, word in named if letter != "C"}

        def answer(pooled: Tensor) -> Tensor:
            logits: Tensor = self.classifier(self._embedding({**scores, "C": self.streams["C"](pooled)}))
            return logits

        found = ClassMaps(name, class_maps(seen.weighted, answer), exact=False)
        return Looks({name: seen.map}, [found, ClassMaps(name, branch_maps(self.branch, features[name]), BRANCH)])

    def _embedding(self, scores: Mapping[str, Tensor]) -> Tensor:
        """Of each stream's, by letter, (S, B, C)."""
        joint = [scores[letter] for letter in self.config.streams if letter in FUSED]
        alone = [scores[letter] for letter in self.config.streams if letter not in FUSED]
        found = [log_probabilities(one, self.kind).exp() for one in alone]
        if joint:
            found.insert(0, fused(log_probabilities(torch.stack(joint), self.kind), self.config.beta))
        return F.relu(self.last(torch.cat(found, 2)))

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Eq. 4.8: ``multiplicative``, where there are two streams to fuse, and ``class``; ``attention``, the branch's
        own; and those of ``Categories``."""
        if output.aside is None:
            return super().terms(output, targets)
        joint = len(FUSED & set(self.config.streams))
        told = joint + (self.branch is not None)
        parts = torch.split(output.aside[..., : told * self.classes], self.classes, 2)
        placed = output.aside[..., told * self.classes :]
        found = super().terms(output._replace(aside=placed if placed.shape[2] else None), targets)
        if joint > 1:
            logs = log_probabilities(torch.stack(parts[:joint]), self.kind)
            wanted = targets[self.kind]
            labels = wanted if self.kind == FLAGS else one_hot(wanted, self.classes).to(logs.dtype)
            cost = multiplicative_loss(logs, labels, self.config.beta)
            found["multiplicative"] = column(self.config.multiplicative_weight, cost) * cost
        if self.branch is not None:
            cost = own_loss(parts[joint], targets[self.kind], self.kind)
            found["attention"] = column(self.config.attention_weight, cost) * cost
        return found

    def standardised(self) -> tuple[str, ...]:
        """The vectors, when the config says so, but joints, of which 0 is one that is not seen."""
        told = [getattr(self.config, ROLES[letter]) for letter in self.config.streams if letter in "FD"]
        return tuple(told) if self.config.standardise else ()
