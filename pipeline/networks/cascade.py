"""MTCNN's three networks one after the other: the same numbers as facenet-pytorch's detect_face, in less time.

That one averages over the whole image anew for every size it is searched at, and cuts each candidate out by itself.
Here all of it is read from one table of sums (`pipeline.decoding.areas`), and candidates of all images share a batch.
Source: MTCNN (Zhang et al. 2016) by facenet-pytorch, whose networks and arithmetic of boxes are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding.areas import Areas

if TYPE_CHECKING:
    from torch import Tensor

INPUTS = (12, 24, 48)
"""Side of what each network sees, in pixels."""
ALIKE_AT_ONE_SCALE, ALIKE = 0.5, 0.7
"""Overlap of two candidates over which the less likely one goes."""
MEAN, SCALE = 127.5, 1 / 128

Found = tuple[NDArray[np.float32], NDArray[np.float32]]


class Candidates(NamedTuple):
    """boxes: (k, 5) xyxy in pixels, and score. images: (k,) the number of each one's image."""

    boxes: Tensor
    images: Tensor

    def pick(self, rows: Tensor) -> Candidates:
        """Those of ``rows``, a mask or places."""
        return Candidates(self.boxes[rows], self.images[rows])

    def distinct(self, overlap: float) -> Tensor:
        """Places of the likeliest of those that overlap, the likeliest first."""
        from torchvision.ops.boxes import batched_nms

        rows: Tensor = batched_nms(self.boxes[:, :4], self.boxes[:, 4], self.images, overlap)
        return rows


class Cascade:
    """Images (n, h, w, 3) uint8 RGB with the networks pnet, rnet and onet. Run it in inference mode."""

    def __init__(self, pixels: NDArray[np.uint8], nets: Any, device: str) -> None:
        self.areas, self.nets, self.device = Areas(pixels), nets, device
        self.images, self.height, self.width = pixels.shape[:3]

    def run(self, min_face: int, factor: float, thresholds: Sequence[float]) -> list[Found]:
        """Of each image: (f, 5) xyxy and score, and (f, 5, 2) landmarks, x, y. min_face: at most the shorter side.

        factor: from one size at which the image is searched to the next smaller one.
        """
        found = self._inside(self._proposed(min_face, factor, thresholds[0]))
        if len(found.images):
            found = self._inside(self._refined(found, thresholds[1]))
        if not len(found.images):
            return [(np.zeros((0, 5), np.float32), np.zeros((0, 5, 2), np.float32))] * self.images
        faces, landmarks = self._faces(found, thresholds[2])
        boxes, points, images = (part.cpu().numpy() for part in (faces.boxes, landmarks, faces.images))
        return [(boxes[images == image], points[images == image]) for image in range(self.images)]

    def _proposed(self, min_face: int, factor: float, threshold: float) -> Candidates:
        """P-Net at every size of the image."""
        import torch
        from facenet_pytorch.models.utils.detect_face import rerec

        scales = [INPUTS[0] / min_face]
        side = min(self.height, self.width) * scales[0]
        while (side := side * factor) >= INPUTS[0]:
            scales.append(scales[-1] * factor)
        found = [self._at_scale(scale, threshold) for scale in scales]
        one = Candidates(torch.cat([each.boxes for each in found]), torch.cat([each.images for each in found]))
        one = one.pick(one.distinct(ALIKE))
        low, high = one.boxes[:, :2], one.boxes[:, 2:4]
        moved = torch.cat([low, high], 1) + one.boxes[:, 5:] * (high - low).repeat(1, 2)
        return Candidates(rerec(torch.cat([moved, one.boxes[:, 4:5]], 1)), one.images)

    def _at_scale(self, scale: float, threshold: float) -> Candidates:
        """With P-Net's four corrections beside the boxes' scores: (k, 9)."""
        from facenet_pytorch.models.utils.detect_face import generateBoundingBox

        size = int(self.height * scale + 1), int(self.width * scale + 1)
        corrections, likely = self.nets["pnet"](self._input(self.areas.resized(size)))
        found = Candidates(*generateBoundingBox(corrections, likely[:, 1], scale, threshold))
        return found.pick(found.distinct(ALIKE_AT_ONE_SCALE))

    def _refined(self, found: Candidates, threshold: float) -> Candidates:
        """R-Net on each candidate."""
        from facenet_pytorch.models.utils.detect_face import bbreg, rerec

        corrections, likely = self._seen(found, "rnet", INPUTS[1])
        found, corrections = _over(threshold, found, likely, corrections)
        rows = found.distinct(ALIKE)
        found = found.pick(rows)
        return Candidates(rerec(bbreg(found.boxes, corrections[rows])), found.images)

    def _faces(self, found: Candidates, threshold: float) -> tuple[Candidates, Tensor]:
        """O-Net on what is left, and (f, 5, 2) landmarks."""
        from facenet_pytorch.models.utils.detect_face import batched_nms_numpy, bbreg

        corrections, points, likely = self._seen(found, "onet", INPUTS[2])
        found, corrections, points = _over(threshold, found, likely, corrections, points)
        size = found.boxes[:, 2:4] - found.boxes[:, :2] + 1
        places = points.view(-1, 2, 5).transpose(1, 2)  # all x, then all y
        places = size[:, None] * places + found.boxes[:, None, :2] - 1
        boxes = bbreg(found.boxes, corrections)
        rows = batched_nms_numpy(boxes[:, :4], boxes[:, 4], found.images, ALIKE, "Min")
        return Candidates(boxes, found.images).pick(rows), places[rows]

    def _seen(self, found: Candidates, net: str, side: int) -> tuple[Tensor, ...]:
        """What the network says of each candidate, all of them inside the image."""
        from facenet_pytorch.models.utils.detect_face import fixed_batch_process

        regions = self.areas.crops(found.images.cpu().numpy(), self._regions(found), side)
        said: tuple[Tensor, ...] = fixed_batch_process(self._input(regions), self.nets[net])
        return said

    def _input(self, means: NDArray[np.float32]) -> Tensor:
        import torch

        return torch.from_numpy(means).to(self.device).sub_(MEAN).mul_(SCALE)

    def _inside(self, found: Candidates) -> Candidates:
        """Without those of which no pixel is in the image."""
        import torch

        regions = self._regions(found)
        return found.pick(torch.from_numpy((regions[:, 2:] > regions[:, :2]).all(1)).to(self.device))

    def _regions(self, found: Candidates) -> NDArray[np.int64]:
        """(k, 4) xyxy in whole pixels of the image, 0 the first and the last left out; may be empty."""
        boxes = found.boxes[:, :4].cpu().numpy().astype(np.int64)
        limit = np.array([self.width, self.height])
        return np.concatenate([np.maximum(boxes[:, :2], 1) - 1, np.minimum(boxes[:, 2:], limit)], axis=1)


def _over(threshold: float, found: Candidates, likely: Tensor, *said: Tensor) -> tuple[Any, ...]:
    """The candidates, with their new scores, and what was ``said`` of them, where the score is over ``threshold``."""
    import torch

    rows = likely[:, 1] > threshold
    boxes = torch.cat([found.boxes[rows, :4], likely[rows, 1:]], 1)
    return Candidates(boxes, found.images[rows]), *(part[rows] for part in said)
