"""Everybody's emotions from one look at the photograph: maps of emotions, people found by a heat map, and features that
learn to reproduce those of teachers (knowledge amalgamation).

A sample is an image. The student reads a cached network's maps at several strides, brings them to one resolution and
learns a neck of residual blocks on them; teachers' maps are features of the store as the student's are, and only
training and validation read them. Fine-tuning a teacher (the paper's "F-T") is ``trunk`` on its maps, and the baseline
an ImageNet network's, both without teachers; ``detection=false`` is the single task.

Source: knowledge amalgamation (seeds/002), sections 2 and 3, figure 2, tables 3 to 5.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from cache.config import Settings
from cache.errors import ConfigError
from heads.blocks import boxes as people
from heads.blocks.common_space import CommonSpace
from heads.blocks.detection import RARE, focal_loss, heat_map, peaks, size_loss
from heads.blocks.draws import Draws
from heads.blocks.emotion_maps import class_loss, flags_loss, variance_loss
from heads.blocks.layers import generators
from heads.blocks.map_layers import MapOutput, Normed, Residuals, resized
from heads.blocks.varied import Number, column
from heads.head import BOXES, PEOPLE_CLASS, PEOPLE_FLAGS, ClassMaps, Head, Looks, Output, given
from heads.inputs.streams import Feature, Pooled, once, words

REPRODUCED = ("feature", "reconstruction")
"""The terms that need no target."""
DETECTED = 3
"""Maps of the detection head: heat, width, height."""


class Seen(NamedTuple):
    """What the head makes of images. emotions: (S, B, E, h, w). detected: (S, B, 3, h, w), heat, width and height; None
    without detection. reproduced: (S, B, 2), the terms of REPRODUCED; None where nothing is amalgamated."""

    emotions: Tensor
    detected: Tensor | None
    reproduced: Tensor | None


class Model(Head):
    """Neck, emotion head, detection head, common feature space: seed by seed, since seeds share nothing but the maps
    they read and one seed's activations fill the processor's cache."""

    learns = frozenset({BOXES, PEOPLE_FLAGS, PEOPLE_CLASS})
    gives = frozenset({"people", "found", "cost"})
    approximates = (
        "a frozen trunk with a learned neck for a trunk trained end to end",
        "cached maps turned round for the photograph, no random perspective",
    )

    class Config(Settings):
        """trunk: the student's feature. strides: its arrays, maps (c, h, w). teachers: maps to reproduce, any number,
        such as ``"fer/c8 vea/c8"``; none is the baseline. resolution: sides of the maps that are worked on; 0: those of
        the finest array. width: channels of the student's feature. neck_blocks, blocks, extractor_blocks: residual
        blocks of the neck, of each of the two heads, of the shared extractor. common: C, the channels of the common
        space, a multiple of how many teachers there are. detection: whether people are found; detections: how many at
        most. The weights are those of eq. 9's terms, 0 leaves one out; size_weight is gamma. flips: half of the images
        of a training step are turned left to right, boxes with them."""

        trunk: Feature = "hrnet_maps"
        strides: Annotated[tuple[Feature, ...], BeforeValidator(words), Field(min_length=1)] = ("c4", "c8", "c16", "c32")
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
                raise ValueError(f"common = {self.common} is not a multiple of the {len(self.teachers)} teachers")
            return self

    def __init__(
        self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.config = config
        self.arrays, self.teachers = self.inputs[: len(config.strides)], config.teachers
        channels = {name: _channels(name, widths[name]) for name in self.inputs}
        self.kind = next(kind for kind in (PEOPLE_FLAGS, PEOPLE_CLASS) if kind in sizes)
        self.emotions = sizes[self.kind]
        self.sides = (config.resolution,) * 2 if config.resolution else _finest(widths[name] for name in self.arrays)
        draws, width = generators(seeds), config.width
        self.entries = nn.ModuleList(Normed(channels[name], width, 1, draws) for name in self.arrays)
        self.neck = Residuals(width, config.neck_blocks, draws)
        self.emotion_head = _MapHead(width, config.blocks, (self.emotions,), draws)
        self.detection_head = _MapHead(width, config.blocks, (1, 2), draws) if config.detection else None
        if self.detection_head is not None:
            nn.init.constant_(self.detection_head.outputs[0].last.bias, RARE)  # type: ignore[union-attr,arg-type]
        theirs = [channels[name] for name in self.teachers]
        form = (config.common, config.extractor_blocks)
        self.space = CommonSpace(width, theirs, *form, draws) if theirs else None
        self.draws = Draws(seeds)
        if self.detection_head is None:
            self.gives = self.gives - {"found"}
        if not config.flips:
            self.approximates = (self.approximates[0], "no flips and no random perspective")

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """The trunk's maps, the finest first if they are named so, then the teachers'. Raises: ConfigError."""
        return once([*(f"{config.trunk}/{array}" for array in config.strides), *config.teachers])

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """All of them."""
        return cls.inputs_of(config)

    @classmethod
    def teachers_of(cls, config: Any) -> tuple[str, ...]:
        """The teachers' maps."""
        return tuple(config.teachers)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, c, h, w) each; teachers' may be absent but in training."""
        if self.training:
            turned = self._turned(features[self.arrays[0]])
            return Output(aside=self._packed(turned, self._seen(features, turned)))
        judged = BOXES in features and self.kind in features
        seen = self._seen(features if judged else {name: features[name] for name in self.arrays})
        found = None if seen.detected is None else self._found(seen)
        if BOXES not in features:
            return Output(found=found)
        boxes = features[BOXES].to(seen.emotions.dtype)
        logits = people.read_out(seen.emotions, people.inside(boxes, *self.sides))
        cost = sum(self._costs(seen, boxes, features[self.kind]).values())[..., None] if judged else None  # type: ignore[index]
        return Output(people=logits, found=found, cost=cost)

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """The emotion maps, whose mean inside a person's box is the person's logit."""
        seen = self._seen({name: features[name] for name in self.arrays})
        return Looks(classes=[ClassMaps(self.arrays[0], seen.emotions, "emotion maps")])

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``emotion``, ``variance``; ``heat``, ``size`` with detection; ``feature``, ``reconstruction`` with teachers:
        eq. 9, the mean over the images."""
        turned, seen = self._unpacked(given(output.aside))
        boxes = people.flipped(targets[BOXES].to(seen.emotions.dtype), turned)
        return {name: one.mean(1) for name, one in self._costs(seen, boxes, targets[self.kind]).items()}

    def _turned(self, like: Tensor) -> Tensor:
        """(S, B) True for the images that are turned round."""
        if not self.config.flips:
            return like.new_zeros(like.shape[:2], dtype=torch.bool)
        return self.draws(like, like.shape[1]) < 0.5

    def _seen(self, features: Mapping[str, Tensor], turned: Tensor | None = None) -> Seen:
        every = [
            self._seen_by(seed, features, None if turned is None else turned[seed])
            for seed in range(len(features[self.arrays[0]]))
        ]
        return Seen(*(None if parts[0] is None else torch.stack(parts) for parts in zip(*every, strict=True)))  # type: ignore[arg-type]

    def _seen_by(self, seed: int, features: Mapping[str, Tensor], turned: Tensor | None) -> tuple[Tensor | None, ...]:
        """The fields of Seen of one seed's model."""
        parts = [
            resized(entry(_at_most(features[name][seed], self.sides), seed), *self.sides)
            for name, entry in zip(self.arrays, self.entries, strict=True)
        ]
        student = self.neck(F.relu_(_turn(torch.stack(parts).sum(0) if len(parts) > 1 else parts[0], turned)), seed)
        emotions, detected = self.emotion_head(student, seed), None
        if self.detection_head is not None:
            detected = self.detection_head(student, seed)
        if self.space is None or self.teachers[0] not in features:
            return emotions, detected, None
        theirs = [_turn(resized(_wide(features[name][seed]), *self.sides), turned) for name in self.teachers]
        return emotions, detected, torch.stack(self.space(student, theirs, seed), 1)

    def _costs(self, seen: Seen, boxes: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """The terms of eq. 9 of each image, (S, B), weighted. boxes: (S, B, K, 4). wanted: of ``kind``."""
        known, shares = people.there(boxes), people.inside(boxes, *self.sides)
        logits = people.read_out(seen.emotions, shares)
        told = flags_loss if self.kind == PEOPLE_FLAGS else class_loss
        found = {
            "emotion": told(logits, wanted, known),
            "variance": variance_loss(seen.emotions, shares, known),
        }
        if seen.detected is not None:
            heat = heat_map(boxes, *self.sides).to(logits.dtype)
            found["heat"] = focal_loss(seen.detected[:, :, 0], heat, known.sum(-1))
            found["size"] = size_loss(seen.detected[:, :, 1:], boxes)
        if seen.reproduced is not None:
            found |= dict(zip(REPRODUCED, seen.reproduced.unbind(2), strict=True))
        return {name: column(getattr(self.config, f"{name}_weight"), one) * one for name, one in found.items()}

    def _found(self, seen: Seen) -> Tensor:
        """(S, B, N, 5 + E)."""
        detected = given(seen.detected)
        found = peaks(detected[:, :, 0], detected[:, :, 1:], self.config.detections)
        logits = people.read_out(seen.emotions, people.inside(found[..., :4], *self.sides))
        return torch.cat([found, logits], 3)

    def _packed(self, turned: Tensor, seen: Seen) -> Tensor:
        """(S, B, n): everything side by side."""
        parts = [turned[..., None].to(seen.emotions.dtype), seen.emotions.flatten(2)]
        parts += [] if seen.detected is None else [seen.detected.flatten(2)]
        return torch.cat([*parts, *(() if seen.reproduced is None else (seen.reproduced,))], 2)

    def _unpacked(self, aside: Tensor) -> tuple[Tensor, Seen]:
        """What ``_packed`` was given."""
        height, width = self.sides
        counts = [self.emotions, DETECTED if self.detection_head is not None else 0]
        last = 0 if self.space is None else len(REPRODUCED)
        parts = aside.split([1, *(count * height * width for count in counts), last], 2)
        emotions, detected = (part.unflatten(2, (-1, height, width)) if part.shape[2] else None for part in parts[1:3])
        return parts[0][..., 0] > 0, Seen(given(emotions), detected, parts[3] if last else None)


class _MapHead(nn.Module):
    """Residual blocks, then one or more outputs, whose maps are joined."""

    def __init__(
        self, channels: int, blocks: int, outputs: Sequence[int], draws: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.blocks = Residuals(channels, blocks, draws)
        self.outputs = nn.ModuleList(MapOutput(channels, maps, draws) for maps in outputs)

    def forward(self, x: Tensor, seed: int) -> Tensor:
        """x: (B, c, h, w). Returns (B, sum of outputs, h, w)."""
        x = self.blocks(x, seed)
        return torch.cat([output(x, seed) for output in self.outputs], 1)


def _channels(name: str, shape: Any) -> int:
    if not isinstance(shape, tuple) or len(shape) != 3:
        raise ConfigError(f"{name}: a row is {shape}; this head takes maps, (c, h, w)")
    return int(shape[0])


def _finest(shapes: Any) -> tuple[int, int]:
    height, width = max((shape[1:] for shape in shapes), key=lambda sides: sides[0] * sides[1])
    return int(height), int(width)


def _wide(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _at_most(x: Tensor, sides: tuple[int, int]) -> Tensor:
    """No finer than it is to become: what follows is the same before and after a mean, and cheaper after."""
    height, width = x.shape[-2:]
    return resized(_wide(x), min(height, sides[0]), min(width, sides[1]))


def _turn(x: Tensor, turned: Tensor | None) -> Tensor:
    """Those of (B, c, h, w) that are to be turned left to right."""
    return x if turned is None else torch.where(turned[:, None, None, None], x.flip(3), x)
