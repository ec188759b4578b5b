"""rgb_difference: the pooled vector of five differences of consecutive frames, of a person's body, context or face.

Six consecutive frames, of which each is taken from the next: 15 channels, R, G, B of each difference in order of time.
All six are cut by the first one's box and stretched to ``size``. Of a context what lies in the box is black in all six,
so that it does not differ. The differences go over twice the deviation of colours, with no mean taken off, as the
authors' code has it; the paper leaves that open. A head of which no two joints are seen has the status no_face.
Source: Temporal segment networks: Wang et al. 2016, section 3.2; thesis, section 5.2.1, TSN-RGBDiff.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.spec import ArraySpec, Granularity, Status
from pipeline.decoding import images
from pipeline.stage import Extracted, Failed, Photo, Stage
from pipeline.stages import _backbone_lookup as lookup
from pipeline.stages import _motion as motion

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

DIFFERENCES = 5
BLACK = (0, 0, 0)


class Stack(NamedTuple):
    """frames: (6, h, w, 3) uint8 RGB; none where the view's status is not OK."""

    view: motion.View
    frames: NDArray[np.uint8]


class Extractor(Stage[Stack]):
    """One item is a person's part of six frames."""

    version = 1
    unit = granularity = Granularity.PERSON

    class Config(motion.Moving):
        """See ``_motion.Moving``."""

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        _, self.known = lookup.find(config.model)
        lookup.check_size(config.model, self.known, config.size)
        self.batch_size = lookup.batch_size(self.known, config.size)

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"pooled": motion.spec(self.known)}

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    @property
    def following(self) -> int:
        return DIFFERENCES

    def load(self, device: str, weights: Weights) -> None:
        self.network: Any = motion.network(self.config, 3 * DIFFERENCES, device, weights)
        self.device = device

    def prepare(self, photo: Photo) -> list[Stack | Failed]:
        if len(photo.following) != self.following:
            return [Failed(motion.too_few(photo, self.following))] * len(photo.boxes)
        return [Stack(view, self._cut(photo, view)) for view in motion.views(photo, self.config.input)]

    def _cut(self, photo: Photo, view: motion.View) -> NDArray[np.uint8]:
        size, frames = self.config.size, (photo.image, *photo.following)
        if view.status != Status.OK:
            return np.zeros((0, *size, 3), np.uint8)
        if self.config.input == "context":
            return np.stack([images.resize(images.blank(frame, view.box, BLACK), size) for frame in frames])
        return np.stack([images.resize_region(frame, size, view.box) for frame in frames])

    def run(self, items: Sequence[Stack]) -> Extracted:
        import torch

        good, arrays = [item.frames for item in items if len(item.frames)], {}
        if good:
            with torch.inference_mode():
                frames = torch.from_numpy(np.stack(good)).to(self.device).float()
                differences = frames.diff(dim=1).permute(0, 1, 4, 2, 3).flatten(1, 2)
                arrays["pooled"] = motion.pooled(self.network, differences.div_(2 * motion.STD), self.config)
        return motion.settled([item.view for item in items], arrays, self.outputs)
