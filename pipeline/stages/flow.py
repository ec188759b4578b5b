"""flow: the pooled vector of ``length`` fields of optical flow, of a person's body, context or face.

The frames are stretched to ``field``, which is TSN's, and the flow between two of them is computed once for all their
people. It is clipped to 20 pixels of ``field`` each way and becomes round((v + 20) / 40 * 255), as TSN's does; then it
is cut by the first frame's box, of a context filled there with 128, no motion, and stretched to ``size``. Channels are
x, y of each field in turn (eq. 5.1); they go less 128 over the mean deviation of colours.
forward: the fields from each frame to the next. bidirectional: of the same frames, from the middle one (or the earlier
of the two) on to the last, then from it back to the first, each field from a frame to its neighbour. The thesis's L / 2
each way is no number for its L = 5: the odd one goes forward, so that there are 10 channels as there.
A head of which no two joints are seen has the status no_face.
Source: Two-stream convolutional networks: Simonyan and Zisserman 2014, section 3.1; Temporal segment networks: Wang et
al. 2016, section 3.2; thesis, section 5.1.1, eq. 5.1, and 5.2.1, TSN-Flow, whose flow is ``tvl1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from cache.spec import ArraySpec, Granularity, Status
from pipeline.decoding import images
from pipeline.networks.flow.methods import Method, build, weights_of
from pipeline.stage import Extracted, Failed, Photo, Stage
from pipeline.stages import _backbone_lookup as lookup
from pipeline.stages import _motion as motion

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

BOUND, STILL = 20, 128
"""Pixels that a displacement is clipped to, and what stands for none."""
Side = Annotated[int, Field(ge=32, le=4096)]


class Scene(NamedTuple):
    """frames: (length + 1, h, w, 3) uint8 RGB at the size of ``field``. views: one a person, boxes in its pixels."""

    frames: NDArray[np.uint8]
    views: list[motion.View]


class Extractor(Stage[Scene]):
    """One item is a frame with those after it; one row a person."""

    version = 1
    unit = Granularity.IMAGE
    granularity = Granularity.PERSON

    class Config(motion.Moving):
        """method: how flow is computed, on the processor alone unless it is tvl1 or raft. length: of fields, L.
        direction: see above. field: (h, w) of the frames that it is computed on. keep: the fields that the network is
        given too.
        """

        method: Method = "tvl1"
        length: int = Field(default=5, ge=1, le=64)
        direction: Literal["forward", "bidirectional"] = "forward"
        field: tuple[Side, Side] = (256, 340)
        keep: bool = False

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        _, self.known = lookup.find(config.model)
        lookup.check_size(config.model, self.known, config.size)
        self.batch_size = lookup.batch_size(self.known, config.size)

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        out = {"pooled": motion.spec(self.known)}
        if self.config.keep:
            shape = (2 * self.config.length, *self.config.size)
            unit = f"x, y of each field: (pixels + {BOUND}) / {2 * BOUND} * 255"
            out["flow"] = ArraySpec(shape, "uint8", unit, STILL, compressed=True)
        return out

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights, *weights_of(self.config.method))

    @property
    def following(self) -> int:
        return self.config.length

    def load(self, device: str, weights: Weights) -> None:
        self.method = build(self.config.method, device, weights)
        self.network: Any = motion.network(self.config, 2 * self.config.length, device, weights)
        self.device = device

    def rows(self, item: Scene) -> int:
        return len(item.views)

    def prepare(self, photo: Photo) -> list[Scene | Failed]:
        if len(photo.following) != self.following:
            return [Failed(motion.too_few(photo, self.following), len(photo.boxes))]
        height, width = self.config.field
        scale = np.array([width / photo.image.width, height / photo.image.height] * 2)
        found = [view._replace(box=view.box * scale) for view in motion.views(photo, self.config.input)]
        frames = [images.resize(frame, self.config.field) for frame in (photo.image, *photo.following)]
        return [Scene(np.stack(frames), found)]

    def run(self, items: Sequence[Scene]) -> Extracted:
        import torch

        seen = [item for item in items if any(view.status == Status.OK for view in item.views)]
        cut = [
            self._cut(stack, view.box)
            for item, stack in zip(seen, self._stacks(seen), strict=True)
            for view in item.views
            if view.status == Status.OK
        ]
        arrays: dict[str, NDArray[Any]] = {}
        if cut:
            stacks = np.stack(cut)
            with torch.inference_mode():
                batch = torch.from_numpy(stacks).to(self.device).float()
                arrays["pooled"] = motion.pooled(self.network, batch.sub_(STILL).div_(motion.STD), self.config)
            if self.config.keep:
                arrays["flow"] = stacks
        return motion.settled([view for item in items for view in item.views], arrays, self.outputs)

    def _stacks(self, items: Sequence[Scene]) -> NDArray[np.uint8]:
        """(n, 2 length, h, w): the fields of all items, computed together."""
        if not items:
            return np.zeros((0, 2 * self.config.length, *self.config.field), np.uint8)
        starts, ends = steps(self.config.length, self.config.direction)
        first, second = (np.concatenate([item.frames[at] for item in items]) for at in (starts, ends))
        fields = self.method(first, second)
        return quantised(fields).reshape(len(items), -1, *self.config.field)

    def _cut(self, stack: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(2 length, h, w) of a person."""
        planes = [Image.fromarray(plane) for plane in stack]
        if self.config.input != "context":
            return np.stack([images.resize_region(plane, self.config.size, box) for plane in planes])
        return np.stack([images.resize(images.blank(plane, box, STILL), self.config.size) for plane in planes])


def steps(length: int, direction: str) -> tuple[list[int], list[int]]:
    """Of ``length`` + 1 frames: where each field begins and where it ends."""
    middle = length // 2 if direction == "bidirectional" else 0
    on, back = list(range(middle, length)), list(range(middle, 0, -1))
    return on + back, [at + 1 for at in on] + [at - 1 for at in back]


def quantised(fields: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pixels as 0 to 255; 128 is no motion."""
    levels: NDArray[np.float32] = np.rint((np.clip(fields, -BOUND, BOUND) + BOUND) * (255 / (2 * BOUND)))
    return levels.astype(np.uint8)
