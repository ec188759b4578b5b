"""Everybody's emotions from one look at the photograph: maps of emotions, people found by a heat map, and features that
learn to reproduce those of teachers (knowledge amalgamation).

A sample is an image. The student reads a cached network's maps at several strides, brings them to one resolution and
learns a neck of residual blocks on them; ``tail=stage4`` trains an HRNet's last stage before it. Teachers' maps are
features of the store as the student's are; only training and its validation read them. Fine-tuning a teacher ("F-T")
is ``trunk`` on its maps, the baseline an ImageNet network's, both without teachers; without ``detection`` it is the
single task.

Source: knowledge amalgamation (seeds/002), sections 2 and 3, figure 2, tables 3 to 5.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from cache.config import Settings
from cache.errors import ConfigError
from heads.blocks import boxes as people
from heads.blocks.detection import focal_loss, heat_map, peaks, size_loss
from heads.blocks.draws import Draws
from heads.blocks.emotion_maps import class_loss, flags_loss, variance_loss
from heads.blocks.hrnet_tail import RESOLUTIONS, STAGES, HRNetTail
from heads.blocks.layers import generators
from heads.blocks.varied import Number, column
from heads.head import BOXES, PEOPLE_CLASS, PEOPLE_FLAGS, ClassMaps, Head, Looks, Output, Taught, given
from heads.inputs.streams import Feature, Pooled, once, words
from heads.models._amalgamated import REPRODUCED, Networks, Seen, finest, shape_of

_BEFORE = "stage3"
"""The array that ``tail`` begins with."""
_APART = 1 << 33
"""Added to a seed for the tail's own numbers, so that the other layers start as without it."""


class Model(Head):
    """Its parts are in ``_amalgamated``; this is what they read, and what is wanted of them."""

    learns = frozenset({BOXES, PEOPLE_FLAGS, PEOPLE_CLASS})
    gives = frozenset({"people", "found", "cost"})
    approximates = (
        "a frozen trunk with a learned neck for a trunk trained end to end",
        "cached maps turned left to right for the photograph, and no random perspective",
    )

    class Config(Settings):
        """trunk: the student's feature. strides: its arrays, maps (c, h, w). tail: "stage4" trains an HRNet's last
        stage from the maps before it. teachers: maps to reproduce, any number, as ``"fer/c8 vea/c8"``; none is the
        baseline. resolution: sides of the maps that are worked on; 0: those of the finest of ``strides``. width:
        channels of the student's feature. neck_blocks, blocks, extractor_blocks: residual blocks of the neck, of each
        of the two heads, of the shared extractor. common: C, the channels of the common space, a multiple of how many
        teachers there are. detection: whether people are found; detections: how many at most. The weights are those of
        eq. 9's terms, 0 leaves one out; size_weight is gamma. flips: half of the images of a training step are turned
        left to right, boxes with them."""

        trunk: Feature = "hrnet_maps"
        strides: Annotated[tuple[Feature, ...], BeforeValidator(words), Field(min_length=1)] = (
            *("c4", "c8"),
            *("c16", "c32"),
        )
        tail: Literal["", "stage4"] = ""
        teachers: Annotated[tuple[Pooled, ...], BeforeValidator(words)] = ()
        resolution: int = Field(0, ge=0, le=1024)
        width: int = Field(32, ge=1, le=1024)
        neck_blocks: int = Field(2, ge=0, le=16)
        blocks: int = Field(4, ge=0, le=16)
        extractor_blocks: int = Field(3, ge=1, le=16)
        common: int = Field(48, ge=1, le=4096)
        detection: bool = True
        detections: int = Field(30, ge=1, le=1000)
        emotion_weight: Number = Field(1, ge=0)
        variance_weight: Number = Field(1, ge=0)
        heat_weight: Number = Field(1, ge=0)
        size_weight: Number = Field(0.1, ge=0)
        feature_weight: Number = Field(1, ge=0)
        reconstruction_weight: Number = Field(1, ge=0)
        flips: bool = True

        @model_validator(mode="after")
        def _common_is_shared(self) -> "Model.Config":
            if self.teachers and self.common % len(self.teachers):
                raise ValueError(f"common = {self.common} is not a multiple of {len(self.teachers)}, the teachers")
            return self

    def __init__(
        self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.config = config
        self.kind = next((kind for kind in (PEOPLE_FLAGS, PEOPLE_CLASS) if kind in sizes), "")
        if not self.kind:
            raise ConfigError(f"the protocol teaches {', '.join(sizes)} alone, this head tells all people of an image")
        try:
            shapes = {name: shape_of(name, widths[name]) for name in self.inputs}
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self.maps = self.maps_of(config)
        trunk = [shapes[name] for name in self.maps]
        self.tail: HRNetTail | None = None
        if config.tail:
            self.tail, trunk = _tail(self.maps[0], trunk[0], seeds)
        sides = (config.resolution, config.resolution) if config.resolution else finest(trunk)
        channels = [shapes[name][0] for name in config.teachers]
        self.networks = Networks(config, [one[0] for one in trunk], channels, sizes[self.kind], sides, seeds)
        self.draws = Draws(seeds)
        if not config.detection:
            self.gives = self.gives - {"found"}
        if not config.flips:
            self.approximates = (self.approximates[0], "no flips and no random perspective")

    @classmethod
    def maps_of(cls, config: Any) -> tuple[str, ...]:
        """The trunk's arrays."""
        return tuple(f"{config.trunk}/{array}" for array in ((_BEFORE,) if config.tail else config.strides))

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """The trunk's maps, then the teachers'. Raises: ConfigError where one stands twice."""
        return once([*cls.maps_of(config), *config.teachers])

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """All of them."""
        return cls.inputs_of(config)

    @classmethod
    def teachers_of(cls, config: Any) -> tuple[str, ...]:
        """The teachers' maps."""
        return tuple(config.teachers)

    @classmethod
    def blocks_of(cls, config: Any) -> Mapping[str, str]:
        """The trunk's, with ``tail``."""
        return {cls.maps_of(config)[0]: config.tail} if config.tail else {}

    def learn_from(self, taught: Taught) -> None:
        """The tail's weights. Raises: ConfigError when they are another network's."""
        if self.tail is not None:
            try:
                self.tail.fill(taught.blocks[self.maps[0]])
            except ValueError as error:
                raise ConfigError(f"{self.maps[0]}: {error}") from None

    def held(self, batch: int) -> int:
        """What its maps take."""
        return self.networks.held(batch)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, c, h, w) each; those of teachers may be absent where nothing of what is right is told."""
        if self.training:
            turned = self._turned(features[self.maps[0]])
            return Output(aside=self.networks.packed(turned, self._seen(features, self.config.teachers, turned)))
        judged = BOXES in features and self.kind in features
        seen = self._seen(features, self.config.teachers if judged else ())
        found = None if seen.detected is None else self._found(seen.emotions, seen.detected)
        if BOXES not in features:
            return Output(found=found)
        boxes = features[BOXES].to(seen.emotions.dtype)
        logits = people.read_out(seen.emotions, people.inside(boxes, *self.networks.sides))
        logits = logits.masked_fill(~people.there(boxes)[..., None], torch.nan)
        if not judged:
            return Output(people=logits, found=found)
        costs = self._costs(seen, boxes, features[self.kind])
        return Output(people=logits, found=found, cost=torch.stack([*costs.values()]).sum(0)[..., None])

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """The emotion maps, whose mean inside a person's box is the person's logit."""
        seen = self._seen(features, ())
        return Looks(classes=[ClassMaps(self.maps[0], seen.emotions, "emotion maps")])

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``emotion``, ``variance``; ``heat``, ``size`` with detection; ``feature``, ``reconstruction`` with teachers:
        those of eq. 9, the mean over the images."""
        turned, seen = self.networks.unpacked(given(output.aside))
        boxes = people.flipped(targets[BOXES].to(seen.emotions.dtype), turned)
        return {name: one.mean(1) for name, one in self._costs(seen, boxes, targets[self.kind]).items()}

    def _turned(self, like: Tensor) -> Tensor:
        """(S, B) True for the images that are turned left to right."""
        if not self.config.flips:
            return like.new_zeros(like.shape[:2], dtype=torch.bool)
        chance: Tensor = self.draws(like, like.shape[1])
        return chance < 0.5

    def _seen(self, features: Mapping[str, Tensor], teachers: Sequence[str], turned: Tensor | None = None) -> Seen:
        trunk = [features[name] for name in self.maps]
        if self.tail is not None:
            trunk = self.tail.resolutions(trunk[0])
        made: Seen = self.networks(trunk, [features[name] for name in teachers], turned)
        return made

    def _costs(self, seen: Seen, boxes: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """The terms of eq. 9 of each image, (S, B), weighted. boxes: (S, B, K, 4). wanted: of ``kind``."""
        sides, known = self.networks.sides, people.there(boxes)
        shares = people.inside(boxes, *sides)
        logits = people.read_out(seen.emotions, shares)
        told = flags_loss if self.kind == PEOPLE_FLAGS else class_loss
        found = {
            "emotion": told(logits, wanted, known),
            "variance": variance_loss(seen.emotions, shares, known),
        }
        if seen.detected is not None:
            heat = heat_map(boxes, *sides)
            found["heat"] = focal_loss(seen.detected[:, :, 0], heat, known.sum(2))
            found["size"] = size_loss(seen.detected[:, :, 1:], boxes)
        if seen.reproduced is not None:
            found |= dict(zip(REPRODUCED, seen.reproduced.unbind(2), strict=True))
        return {name: column(getattr(self.config, f"{name}_weight"), one) * one for name, one in found.items()}

    def _found(self, emotions: Tensor, detected: Tensor) -> Tensor:
        """(S, B, N, 5 + E)."""
        found = peaks(detected[:, :, 0], detected[:, :, 1:], self.config.detections)
        logits = people.read_out(emotions, people.inside(found[..., :4], *self.networks.sides))
        return torch.cat([found, logits], 3)


def _tail(
    name: str, packed: tuple[int, int, int], seeds: Sequence[int]
) -> tuple[HRNetTail, list[tuple[int, int, int]]]:
    """The stage, and the shapes of what it gives. packed: of what goes in. Raises: ConfigError."""
    channels, height, width = packed
    if channels not in STAGES:
        known = " or ".join(map(str, STAGES))
        raise ConfigError(f"{name}: has {channels} channels; before an HRNet's last stage there are {known}")
    if height % 2 or width % 2:
        told = f"{name}: is {height} x {width}; an HRNet's last stage halves it"
        raise ConfigError(f"{told}. Take images whose sides are multiples of 32")
    finest_channels = STAGES[channels][0]
    shapes = [(finest_channels << k, 4 * height >> k, 4 * width >> k) for k in range(RESOLUTIONS)]
    return HRNetTail(channels, generators([_APART + seed for seed in seeds])), shapes
