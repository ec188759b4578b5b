"""``pose`` by BlazePose: each person's region as its detector sees it in the person's box, then 33 joints.

The region is the square that holds the body turned upright, as in training: about the hips, after the detector's
two points. Where it finds nobody, the landmarks' network looks at the square about the box first, and again at the
region that its own points tell. Of several people in the box the one is taken whose circle fits it best. With the
joints the same network tells the silhouette, on that square; it is that person's alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.spec import ArraySpec
from pipeline.decoding import regions
from pipeline.decoding.regions import Region
from pipeline.networks import blazepose
from pipeline.networks.blazepose import JOINTS, Body, region_of
from pipeline.stages import _silhouette, _wholebody

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

MODEL = "blazepose-full"
VERSION = 4
"""Of the stage with this model."""
WEIGHTS = (blazepose.LANDMARKS, blazepose.DETECTION)
SEARCHED, FILLED = 1.1, 1.25
"""Sides of the squares about a box in which the detector looks for the person, and that a person fills."""
SHOULDERS, HIPS = (11, 12), (23, 24)
NECK, HIP, ABSENT = JOINTS, JOINTS + 1, JOINTS + 2
"""Places of the two middles, appended to the joints, and of what BlazePose has not: the small toes."""
COCO18 = (0, NECK, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
BODY25 = (0, NECK, 12, 14, 16, 11, 13, 15, HIP, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7, 31, ABSENT, 29, 32, ABSENT, 30)
"""BlazePose's joint at each place of OpenPose's two orders; ST-GCN's is COCO-18."""
UNIT = "x, y in image pixels; score: that it is seen and not hidden, 0..1"
OUTPUTS = {
    "keypoints": ArraySpec((JOINTS, 3), "float32", UNIT, np.nan),
    "coco18": ArraySpec((len(COCO18), 3), "float32", UNIT, np.nan),
    "body25": ArraySpec((len(BODY25), 3), "float32", f"{UNIT}; no small toes (20, 23): 0, 0, score 0", np.nan),
    "presence": ArraySpec((JOINTS,), "float32", "that a joint is inside the region, hidden or not, 0..1", np.nan),
    "world": ArraySpec((JOINTS, 3), "float32", "x, y, z in metres about the hips; x, y along the image's", np.nan),
    "score": ArraySpec((), "float32", "that there is a person in the region, 0..1", np.nan),
    "mask": _silhouette.MASK,
    "region": ArraySpec((5,), "float32", "the square looked at: x, y, side in image pixels; x, y of its up", np.nan),
    "box": ArraySpec((4,), "float32", "the person's box, xyxy in image pixels", np.nan),
}


class Seen(NamedTuple):
    """pixels: (h, w, 3) uint8 RGB, the whole image. box: (4,) xyxy of the person."""

    pixels: NDArray[np.uint8]
    box: NDArray[np.float32]


class Estimator:
    """The two networks, one person at a time."""

    def load(self, weights: Weights) -> None:
        """Raises: WeightsError."""
        self.detector, self.landmarks = blazepose.Detector(weights), blazepose.Landmarks(weights)

    def rows(self, items: Sequence[Seen]) -> dict[str, NDArray[Any]]:
        """The arrays of OUTPUTS for people."""
        found = [self._row(item.box, *self.find(item)) for item in items]
        return {name: np.stack([row[name] for row in found]) for name in OUTPUTS}

    def find(self, item: Seen) -> tuple[Region, Body]:
        """The square that the person was seen in, and what there is in it."""
        search = regions.about(item.box, SEARCHED)
        people = self.detector.find(regions.cut(item.pixels, search, blazepose.SEARCHED))
        region = chosen(item.box, people.scores, search.to_image(people.points[:, :2]))
        if region:
            return region, self._look(item, region)
        region = regions.about(item.box, FILLED)
        body = self._look(item, region)
        nearer = region_of(region.to_image(body.places[JOINTS : JOINTS + 2, :2]))
        if nearer is None or body.score < blazepose.CERTAIN:
            return region, body
        return nearer, self._look(item, nearer)

    def _look(self, item: Seen, region: Region) -> Body:
        return self.landmarks.find(regions.cut(item.pixels, region, blazepose.SIDE))

    def _row(self, box: NDArray[np.float32], region: Region, body: Body) -> dict[str, NDArray[Any]]:
        places = region.to_image(body.places[:JOINTS, :2])
        points = np.column_stack([places, body.visible[:JOINTS]]).astype(np.float32)
        flat = body.world[:JOINTS, :2] @ region.axes
        more: dict[str, Any] = {
            "presence": body.present[:JOINTS],
            "world": np.column_stack([flat, body.world[:JOINTS, 2]]),
            "score": np.float32(body.score),
            "mask": _silhouette.stored(blazepose.sigmoid(body.mask)),
            "region": regions.written(region),
            "box": box,
        }
        return orders(points) | more


def chosen(box: NDArray[np.float32], scores: NDArray[np.floating], points: NDArray[np.floating]) -> Region | None:
    """The region of the one of ``points`` (n, 2, 2), in image pixels, that is the person in ``box``; None for none.

    It has the greatest score times IoU of the box with the upright square about the body's circle.
    """
    found = [(float(score), region) for score, one in zip(scores, points, strict=True) if (region := region_of(one))]
    squares = [Region(one.x, one.y, one.side / blazepose.SCALE).bounds for _, one in found]
    fits = blazepose.overlap(box, np.reshape(squares, (-1, 4)))
    return found[int(np.argmax([score for score, _ in found] * fits))][1] if found else None


def orders(points: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """keypoints (33, 3) as given, coco18 (18, 3) and body25 (25, 3); neck and mid-hip are halfway."""
    one = points[None]
    middles = [_wholebody.middle(one, pair) for pair in (SHOULDERS, HIPS)]
    more = np.concatenate([one, *middles, np.zeros((1, 1, 3), np.float32)], axis=1)[0]
    return {"keypoints": points, "coco18": more[list(COCO18)], "body25": more[list(BODY25)]}
