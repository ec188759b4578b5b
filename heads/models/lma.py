"""How a person moves, as Laban movement analysis describes it: frame by frame, or by statistics over all frames.

``form``: "conv1d", convolutions in time over the frames' descriptors; "lstm", two layers of long short-term memory,
both ways, of which the last frame tells; "statistics", the convolutions of "conv1d" along the statistics; "forest", a
random forest of scikit-learn's on the statistics, which has nothing to train step by step.

Source: thesis (seeds/003), sections 5.1.4 and 5.2.1, Table 5.11; the forest after Luo et al. 2020. Kernels are said to
be "of size 5 and 3" for three convolutions: 5, 3, 3 here. A forest's size is not printed.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks import categories, confidences
from heads.blocks.categories import Categories
from heads.blocks.confidences import ConfidenceSettings
from heads.blocks.convolution import Conv1d
from heads.blocks.forest import Forest
from heads.blocks.frame_norm import FrameNorm
from heads.blocks.hidden import Hidden
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.blocks.lstm import Lstm
from heads.head import DIMENSIONS, Output
from heads.inputs.streams import Pooled
from heads.models._categorical import Categorical

FILTERS, KERNELS, CONNECTED = (256, 512, 1024), (5, 3, 3), (1024, 512, 256)
SUREST = 1e-4
"""A forest's share is at least this, and at most 1 less this, so that its logit is a number."""


class Model(Categorical):
    """See above; a layer to the categories and one to the dimensions."""

    learns = confidences.LEARNS

    class Config(ConfidenceSettings):
        """form: see above. frames: the feature of each frame, rows (T, d). seen: of the same shape, 0 where there is no
        such number. statistics: those of a clip, (d,). hidden_units: of the LSTM, each layer and direction. trees,
        depth: of the forest, and how many questions a tree asks at most. standardise: bring inputs to mean 0 and
        deviation 1 over the training people; a forest asks the same without."""

        form: Literal["conv1d", "lstm", "statistics", "forest"] = "conv1d"
        frames: Pooled = "lma/frames"
        seen: Pooled = "lma/seen"
        statistics: Pooled = "lma/statistics"
        hidden_units: int = Field(1024, ge=1, le=8192)
        trees: int = Field(100, ge=1, le=10_000)
        depth: int = Field(8, ge=1, le=12)
        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        shape, draws = widths[self.inputs[0]], generators(seeds)
        if self._sequence and (not isinstance(shape, tuple) or len(shape) != 2):
            raise ConfigError(f"{self.inputs[0]}: a row is {shape}; form = {config.form} takes frames, (T, d)")
        labels, told = categories.count(sizes), categories.dimensions(config, sizes)
        if config.form == "forest":
            self.forests = nn.ModuleList(Forest(config.trees, config.depth, n, seeds) for n in (labels, told) if n)
            self.categories = Categories(config, sizes, draws)
            return
        self.norm = FrameNorm(shape[1], len(seeds)) if self._sequence and config.standardise else None
        width = self._layers(shape[1] if self._sequence else 1, draws)
        self.classifier = Linear(width, labels, draws)
        self.regressor = Linear(width, told, draws) if told else None
        self.categories = Categories(config, sizes, draws, width)

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """The frames and what of them is seen, or the statistics."""
        return (config.frames, config.seen) if config.form in ("conv1d", "lstm") else (config.statistics,)

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """The frames and what of them is seen."""
        return cls.inputs_of(config) if config.form in ("conv1d", "lstm") else ()

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, T, d), or (S, B, d) of statistics."""
        x = features[self.inputs[0]]
        if self.config.form == "forest":
            return self._asked(x)
        seen = self._seen(self._frames(x, features[self.inputs[1]] > 0) if self._sequence else x[..., None])
        told = None if self.regressor is None else self.regressor(seen)
        return Output(seen, self.classifier(seen), told, self.categories.aside(seen))

    def fit(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> None:
        """A forest for the categories and one for the dimensions, whatever the seeds' draws make of them."""
        if self.config.form != "forest":
            return
        x = features[self.inputs[0]].cpu().numpy()
        told, measured = self.forests[0], self.forests[-1]
        assert isinstance(told, Forest)
        assert isinstance(measured, Forest)
        told.classify(x, targets[self.categories.kind].cpu().numpy())
        if self.categories.dimensions:
            right = targets[DIMENSIONS].cpu().numpy()
            known = ~torch.isnan(targets[DIMENSIONS]).any(1).cpu().numpy()
            measured.regress(x[known], right[known])

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """And ``scores``; none of a forest."""
        if self.config.form == "forest":
            return {}
        return {**super().terms(output, targets), **confidences.terms(self.config, output, targets)}

    def standardised(self) -> tuple[str, ...]:
        """The statistics of a network; frames are by the head itself."""
        return super().standardised() if self.config.form == "statistics" else ()

    @property
    def _sequence(self) -> bool:
        return self.config.form in ("conv1d", "lstm")

    def _layers(self, channels: int, draws: Sequence[torch.Generator]) -> int:
        """Returns how wide what they make is."""
        if self.config.form == "lstm":
            units = self.config.hidden_units
            self.memories = nn.ModuleList([Lstm(channels, units, draws), Lstm(2 * units, units, draws)])
            return 2 * int(units)
        pairs = zip(pairwise([channels, *FILTERS]), KERNELS, strict=True)
        self.convolutions = nn.ModuleList(
            Conv1d(*pair, kernel, draws, padding=kernel // 2, bias=False) for pair, kernel in pairs
        )
        self.norms = nn.ModuleList(BatchNorm(width, len(draws)) for width in FILTERS)
        self.connected = Hidden(FILTERS[-1], CONNECTED, draws)
        return CONNECTED[-1]

    def _frames(self, x: Tensor, seen: Tensor) -> Tensor:
        """0 where there is no number. x, seen: (S, B, T, d)."""
        x = torch.where(seen, x, 0)
        if self.norm is None:
            return x
        scaled: Tensor = self.norm(x.flatten(1, 2), seen.flatten(1, 2))
        return scaled.view(x.shape)

    def _seen(self, x: Tensor) -> Tensor:
        """(S, B, width). x: (S, B, T, d), of statistics one number in each of many places."""
        if self.config.form == "lstm":
            for layer in self.memories:
                x = layer(x)
            return x[:, :, -1]
        x = x.transpose(2, 3)
        for layer, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(layer(x)))
        made: Tensor = self.connected(x.mean(3))
        return made

    def _asked(self, x: Tensor) -> Output:
        shares = self.forests[0](x).clamp(SUREST, 1 - SUREST)
        told = self.forests[1](x) if self.categories.dimensions else None
        logits = shares.log() if self.categories.loss is None else shares.logit()
        return Output(x, logits, told)
