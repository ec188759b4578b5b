"""pose: key points of each person: Halpe's 26, COCO-WholeBody's 133 with the hands, or BlazePose's 33 with
the silhouette; also in COCO-18's and BODY_25's order.

Source: RTMPose, DWPose and RTMW (mmpose), top-down on the person's box; their SimCC decoding, without flip test.
BlazePose: see ``_blazepose.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError, unknown
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import boxes, images
from pipeline.networks import openmmlab
from pipeline.stage import IMAGENET_MEAN, IMAGENET_STD, Extracted, Failed, Photo, Precise, Stage, deploy, normalise
from pipeline.stages import _blazepose, _silhouette, _wholebody
from pipeline.weights.colours import Colours

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.weights.folder import Weights

VERSION = 3
"""Of the stage with the networks of openmmlab."""
PADDING = 1.25
"""Of the person's box, as in training."""
BINS_PER_PIXEL = 2.0
KEYPOINTS = 26
COCO18 = (0, 18, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
BODY25 = (0, 18, 6, 8, 10, 5, 7, 9, 19, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3, 20, 22, 24, 21, 23, 25)
"""Halpe's key point at each place of OpenPose's two orders (right before left)."""


class Person(NamedTuple):
    """pixels: (h, w, 3) uint8 RGB. box: (4,) xyxy. centre, size: (2,) x, y of the region; all in image pixels."""

    pixels: NDArray[np.uint8]
    box: NDArray[np.float32]
    centre: NDArray[np.floating]
    size: NDArray[np.floating]


class Extractor(Stage[Person | _blazepose.Seen]):
    """One item is a person's region, warped as in training; for BlazePose, which looks for the region, the image."""

    unit = granularity = Granularity.PERSON

    class Config(Precise):
        """model: a name of openmmlab.POSES, and its weights' name: rtmpose-t, -s, -m give 26 points, the others 133;
        or blazepose-full, which gives 33 and the mask, and runs on the CPU alone.
        """

        model: str = "rtmpose-m"

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.blazepose = _blazepose.Estimator() if config.model == _blazepose.MODEL else None
        if self.blazepose:
            if config.precision != "float32":
                raise ConfigError(f"pose: {config.model} computes in float32, not in {config.precision}")
            self.batch_size = 4  # its items hold whole images
            return
        if config.model not in openmmlab.POSES:
            raise unknown("pose model", config.model, [*openmmlab.POSES, _blazepose.MODEL])
        self.keypoints, self.size = openmmlab.POSES[config.model][1:]
        self.batch_size = 16

    @property
    def version(self) -> int:  # type: ignore[override]
        """Of each kind of network its own: what changes in one leaves the other's features as they are."""
        return _blazepose.VERSION if self.blazepose else VERSION

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        if self.blazepose:
            return _blazepose.OUTPUTS
        unit = "x, y in image pixels; score: the SimCC maximum, about 0..1 when trained"
        counts = {"keypoints": self.keypoints, "coco18": len(COCO18), "body25": len(BODY25)}
        points = {name: ArraySpec((count, 3), "float32", unit, np.nan) for name, count in counts.items()}
        if self.keypoints == KEYPOINTS:
            return points
        return points | {
            "hands": ArraySpec((2, _wholebody.HAND, 3), "float32", f"left, right hand; {unit}", np.nan),
            "box": ArraySpec((4,), "float32", "the person's box, xyxy in image pixels", np.nan),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return _blazepose.WEIGHTS if self.blazepose else (self.config.model,)

    @property
    def cpu_only(self) -> bool:
        return self.blazepose is not None

    def load(self, device: str, weights: Weights) -> None:
        if self.blazepose:
            self.blazepose.load(weights)
            return
        import torch

        from pipeline.networks.folding import fold

        network: Any = openmmlab.build_pose(self.config.model)
        weights.load_into(self.config.model, network, colours=Colours(IMAGENET_MEAN, IMAGENET_STD))
        openmmlab.hold_back_known_warnings()
        fold(network.backbone, lambda: network.backbone(torch.zeros(1, 3, *self.size)))
        self.network: Any = deploy(network, device, self.config.precision)
        self.device = device

    def prepare(self, photo: Photo) -> list[Person | _blazepose.Seen | Failed]:
        pixels = np.asarray(photo.image)
        return [self._person(pixels, box) for box in photo.boxes]

    def _person(self, pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> Person | _blazepose.Seen | Failed:
        if fault := boxes.fault(box, pixels.shape[1], pixels.shape[0]):
            return Failed(fault)
        if self.blazepose:
            return _blazepose.Seen(pixels, box)
        centre, size = boxes.enlarge(box, PADDING, self.size[1] / self.size[0])
        return Person(images.warp(pixels, boxes.crop_matrix(centre, size, self.size), self.size), box, centre, size)

    def run(self, items: Sequence[Person | _blazepose.Seen]) -> Extracted:
        if self.blazepose:
            return Extracted.ok(self.blazepose.rows([item for item in items if isinstance(item, _blazepose.Seen)]))
        return self._simcc([item for item in items if isinstance(item, Person)])

    def _simcc(self, items: Sequence[Person]) -> Extracted:
        import torch

        openmmlab.hold_back_known_warnings()
        with torch.inference_mode():
            batch = normalise([item.pixels for item in items], self.device, precision=self.config.precision)
            points, scores = decode_simcc(*self.network.head(self.network.extract_feat(batch)))
        size, centre = (np.stack([getattr(item, name) for item in items])[:, None] for name in ("size", "centre"))
        found = points.cpu().numpy() / self.size[::-1] * size + centre - size / 2
        both = np.concatenate([found.astype(np.float32), scores.cpu().numpy()[..., None]], axis=-1)
        if self.keypoints == KEYPOINTS:
            return Extracted.ok(_orders(both))
        return Extracted.ok(_wholebody.orders(both) | {"box": np.stack([item.box for item in items])})

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """BODY_25's joints: x, y in image pixels and score; with BlazePose the silhouette too."""
        joints = {"joints": [[round(float(value), 3) for value in joint] for joint in row["body25"]]}
        return joints | _silhouette.told(row) if self.blazepose else joints


def decode_simcc(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Points (n, k, 2) in input pixels and scores (n, k) of SimCC scores x (n, k, 2 w) and y (n, k, 2 h).

    Unlike mmpose, a point keeps its place where its score is not positive.
    Source: mmpose, get_simcc_maximum: the two maxima, the lesser of their values.
    """
    import torch

    (score_x, at_x), (score_y, at_y) = x.float().max(-1), y.float().max(-1)
    return torch.stack([at_x, at_y], -1) / BINS_PER_PIXEL, torch.minimum(score_x, score_y)


def _orders(points: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {"keypoints": points, "coco18": points[:, list(COCO18)], "body25": points[:, list(BODY25)]}
