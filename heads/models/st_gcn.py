"""Spatial-temporal graph network on a person's joints from frame to frame.

Source: thesis (seeds/003), sections 5.1.3 and 5.2.1, Table 5.10: nine units, strides in time before the fourth and the
seventh, all with residual connections, as the text says (Yan et al.'s first has none); the loss of eq. 5.17 but for the
embedding, random moving in training. What it reads are the cached frames of a clip, at equal distances: no clip needs
padding.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from torch import Tensor, nn

from cache.errors import ConfigError
from heads.blocks import categories, confidences, moving, skeleton
from heads.blocks.categories import Categories
from heads.blocks.confidences import ConfidenceSettings
from heads.blocks.draws import Draws
from heads.blocks.graph_unit import GraphUnit
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.blocks.skeleton import Labelling
from heads.head import Output
from heads.inputs.streams import Pooled, words
from heads.models._categorical import Categorical

NUMBERS = 3
"""Of a joint: x, y, score."""
Width = Annotated[int, Field(ge=1, le=4096)]


class Model(Categorical):
    """Units on the joints, their mean over joints and frames, a layer to the categories and one to the dimensions."""

    learns = confidences.LEARNS
    approximates: tuple[str, ...] = ("cached frames for every frame",)

    class Config(ConfidenceSettings):
        """joints: the feature of the joints, rows (T, 18, 3): x, y in -0.5..0.5, score, 0 where one is missing.
        labelling: "uniform", "distance" or "spatial", see ``skeleton.parts``. units: channels of each; where they
        change every other frame is left out. kernel: frames of a convolution in time, odd. dropout: share. moving:
        whether joints are turned, scaled and shifted in training."""

        joints: Pooled = "joints/normalised"
        labelling: Labelling = "spatial"
        units: Annotated[tuple[Width, ...], BeforeValidator(words), Field(min_length=1)] = (
            *(64, 64, 64),
            *(128, 128, 128),
            *(256, 256, 256),
        )
        kernel: int = Field(9, ge=1, le=99)
        dropout: float = Field(0.5, ge=0, lt=1)
        moving: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        shape = widths[config.joints]
        if not isinstance(shape, tuple) or shape[1:] != (skeleton.JOINTS, NUMBERS):
            raise ConfigError(f"{config.joints}: a row is {shape}; this head takes joints of clips, (T, 18, 3)")
        if not config.kernel % 2:
            raise ConfigError(f"kernel = {config.kernel}: it has a middle frame, so it is odd")
        draws, graph = generators(seeds), skeleton.adjacency(config.labelling)
        self.norm = BatchNorm(NUMBERS * skeleton.JOINTS, len(seeds))
        channels = [NUMBERS, *config.units]
        strides = [1, *(1 if one == other else 2 for one, other in pairwise(config.units))]
        self.units = nn.ModuleList(
            GraphUnit(*pair, graph, draws, config.kernel, stride, config.dropout)
            for pair, stride in zip(pairwise(channels), strides, strict=True)
        )
        self.classifier = Linear(channels[-1], categories.count(sizes), draws)
        told = categories.dimensions(config, sizes)
        self.regressor = Linear(channels[-1], told, draws) if told else None
        self.draws = Draws(seeds)
        self.categories = Categories(config, sizes, draws, channels[-1])

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """The joints."""
        return (config.joints,)

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """The joints."""
        return (config.joints,)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, T, 18, 3), NaN where a person is not there."""
        joints = features[self.inputs[0]].nan_to_num()
        if self.training and self.config.moving:
            joints = moving.moved(joints, self.draws(joints, joints.shape[1], moving.NUMBERS))
        x = self._scaled(joints)
        for unit in self.units:
            x = unit(x, self.draws)
        seen = x.mean((3, 4))
        told = None if self.regressor is None else self.regressor(seen)
        return Output(seen, self.classifier(seen), told, self.categories.aside(seen))

    def _scaled(self, joints: Tensor) -> Tensor:
        """(S, B, 3, T, 18): every number of every joint normalised over the batch."""
        flat = joints.flatten(3).transpose(2, 3)
        made: Tensor = self.norm(flat).unflatten(2, (skeleton.JOINTS, NUMBERS)).permute(0, 1, 3, 4, 2)
        return made

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """And ``scores``."""
        return {**super().terms(output, targets), **confidences.terms(self.config, output, targets)}

    def standardised(self) -> tuple[str, ...]:
        """None: the first normalisation does it."""
        return ()
