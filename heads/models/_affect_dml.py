"""The parts that Affect-DML's variants share: one projection per stream, their fusion, the losses.

Source: Affect-DML (seeds/000), sections III-B to III-D and IV-A.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.cross_entropy import cross_entropy
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.blocks.metric_learning import MetricLearning
from heads.blocks.varied import Number, column
from heads.head import CLASS, Head, Output, given
from heads.inputs import streams
from heads.inputs.streams import ExtraStreams


class DmlConfig(ExtraStreams):
    """stream: width of each stream's output. fusion, embedding: the two layers after concatenation (the public code's
    512 and 128). loss, miner: files of heads/losses and heads/miners; their settings stand beside these.
    metric_weight, class_weight: alpha and beta of eq. 7.

    activation: what follows each stream and the first layer of the fusion. The paper names none ("a fully-connected
    layer"), so none is the default; with cached features the whole model is then linear but for the semantic stream.
    standardise: bring every input but presence to mean 0 and deviation 1 over the training samples. Pooled features are
    means of ReLU outputs, so they share a large common part, most of all from small or untrained backbones; the paper's
    backbone, trained end to end, can remove it, a single projection at this learning rate cannot.
    """

    stream: int = Field(512, ge=1, le=16_384)
    semantic_hidden: int = Field(256, ge=1, le=16_384)
    fusion: int = Field(512, ge=1, le=16_384)
    embedding: int = Field(128, ge=1, le=16_384)
    loss: str = "triplet"
    miner: str = "multi_similarity"
    metric_weight: Number = Field(0.5, ge=0)
    class_weight: Number = Field(0.5, ge=0)
    activation: Literal["none", "relu"] = "none"
    standardise: bool = True


def _same(x: Tensor) -> Tensor:
    return x


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"none": _same, "relu": F.relu}


class Semantic(nn.Module):
    """M_delta: Linear 150-256, ReLU, batch normalisation, Linear 256-512. Source: eq. 11 and section IV-A."""

    def __init__(self, width: int, hidden: int, outputs: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.first = Linear(width, hidden, draws)
        self.norm = BatchNorm(hidden, len(draws))
        self.second = Linear(hidden, outputs, draws)

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, 150) presence as 0 and 1, or areas. Returns (S, B, outputs)."""
        hidden: Tensor = self.norm(F.relu(self.first(x)))
        result: Tensor = self.second(hidden)
        return result


class Network(nn.Module):
    """Streams, concatenation F, embedding G_theta, classifier. Source: section III-C; IV-A for the projections.

    The cached pooled vector stands for the backbone; the projection replaces its logits layer.
    """

    def __init__(
        self, config: DmlConfig, widths: Mapping[str, int], classes: int, draws: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.inputs, semantic = streams.inputs_of(config), streams.semantic_input(config)
        self.activation = _ACTIVATIONS[config.activation]
        self.streams = nn.ModuleList(
            Semantic(widths[name], config.semantic_hidden, config.stream, draws)
            if name == semantic
            else Linear(widths[name], config.stream, draws)
            for name in self.inputs
        )
        self.fusion = Linear(config.stream * len(self.inputs), config.fusion, draws)
        self.embedding = Linear(config.fusion, config.embedding, draws)
        self.classifier = Linear(config.embedding, classes, draws)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: input name -> (S, B, d)."""
        projected = [stream(features[name]) for name, stream in zip(self.inputs, self.streams, strict=True)]
        fused = self.fusion(self.activation(torch.cat(projected, 2)))
        embedding = self.embedding(self.activation(fused))
        return Output(embedding, self.classifier(embedding))


class AffectDML(Head):
    """What the variants share; a variant is this with the streams of its Config."""

    recordable = True
    approximates = ("frozen backbones for fine-tuned ones",)
    Config = DmlConfig
    gives = frozenset({"embedding", "logits"})

    def __init__(
        self, config: DmlConfig, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.config = config
        draws = generators(seeds)
        self.network = Network(config, widths, sizes[CLASS], draws)
        self.metric = MetricLearning(config, config.embedding, sizes[CLASS], draws)

    @classmethod
    def config_of(cls, values: Mapping[str, Any]) -> type[Settings]:
        """With the settings of the loss and the miner that ``values`` name."""
        return metric_learning.config_of(cls.Config, values)

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """One for each stream of the config."""
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        output: Output = self.network(features)
        return output

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Eq. 7: ``metric`` (the paper's is the triplet loss) and ``class``."""
        metric = self.metric(given(output.embedding), targets[CLASS])
        seen = cross_entropy(given(output.logits), targets[CLASS])
        return {
            "metric": column(self.config.metric_weight, metric) * metric,
            "class": column(self.config.class_weight, seen) * seen,
        }

    def parts(self) -> tuple[type, ...]:
        """With the loss and the miner."""
        return type(self), type(self.metric.loss), type(self.metric.miner)

    def standardised(self) -> tuple[str, ...]:
        """All but presence, when the config says so."""
        return streams.measured(self.config) if self.config.standardise else ()
