"""pose_vector: a person's joints as 141 numbers: 25 of the body, 21 of each hand, 7 distances. Made from pose's rows.

The vector is BODY_25's joints (x, y each), the left hand's, the right hand's, then the 7 distances of ``lma``.
Source: Context-based visual emotion recognition (thesis), section 4.2.1, "Pose": "for each body crop instance provided
by the EMOTIC dataset, we extract 2D coordinates for 25 body joints, as well as 21 joints for each one of the two
hands"; those of a score under 10 % are "discarded and replaced with zeros"; "the joint coordinates are normalized in
the range [0, 1], with (0, 0) denoting the top left corner and (1, 1) denoting the bottom right corner of an image"; the
nose is the point of reference of the body and the wrists are those of the hands; and 7 LMA features. Its estimator,
OpenPose, thus saw a body crop, which is what "an image" is read as here: 0..1 is the person's box (points may lie
beyond, and then are not in 0..1). Read as the whole photograph, the vector would also tell how large a person is in it;
there is no such frame, as rows of pose do not keep the photograph's size. What the thesis leaves open, and is so here:
the wrists are the body's, its only joints of that name. A joint that is discarded is zero in the vector itself, not
zero minus its origin; an origin that is discarded is zero too, the corner, so that someone seen from behind keeps a
pose. The distances are taken in the normalised coordinates, with the definitions of section 5.1.4: same-side means, the
mean of all visible joints as centroid, the middle of the hips as pelvis; feet are ankles, the head is the nose, the
torso's height is from neck to pelvis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cache.config import Settings
from cache.spec import ArraySpec, Granularity
from pipeline.stage import Extracted, Failed, Stage
from pipeline.stages import _skeleton

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

HAND = 21
WIDTH = 2 * _skeleton.JOINTS + 2 * 2 * HAND + len(_skeleton.LMA)


class Person(NamedTuple):
    """body: (25, 3). hands: (2, 21, 3) left and right, scores 0 where there are none. box: (4,) xyxy in pixels."""

    body: NDArray[np.floating]
    hands: NDArray[np.floating]
    box: NDArray[np.floating]


class Extractor(Stage[Person]):
    """One item is a person's joints; no network."""

    version = 1
    unit = granularity = Granularity.PERSON

    class Config(Settings):
        """source: the feature whose rows are taken. threshold: of the score, below which a joint is discarded.

        hands: "required" of the source, or "zero" for a source of 26 points, which has none. frame: what is normalised
        to 0..1: the person's "box", or the box of the body's "joints" that are seen, for a source that keeps no box.
        """

        source: str = "pose"
        threshold: float = Field(default=0.1, gt=0)
        hands: Literal["required", "zero"] = "required"
        frame: Literal["box", "joints"] = "box"

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 64

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        unit = "fractions of the frame's width and height"
        return {
            "vector": ArraySpec((WIDTH,), "float32", f"x, y about nose or wrist; then lma; {unit}"),
            "lma": ArraySpec((len(_skeleton.LMA),), "float32", f"{', '.join(_skeleton.LMA)}: distances, {unit}"),
            "seen": ArraySpec((3,), "uint8", "joints not discarded: of the body, the left hand, the right hand"),
            "origins": ArraySpec((3,), "uint8", "1 where the nose, the left wrist, the right wrist was seen"),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    @property
    def source(self) -> str:
        return self.config.source

    @property
    def reads(self) -> tuple[str, ...]:
        hands = ("hands",) if self.config.hands == "required" else ()
        return ("body25", *hands, *(("box",) if self.config.frame == "box" else ()))

    def load(self, device: str, weights: Weights) -> None:
        """Nothing to load."""

    def derive(self, row: Mapping[str, NDArray[Any]]) -> Person | Failed:
        body = row["body25"]
        hands = row["hands"] if self.config.hands == "required" else np.zeros((2, HAND, 3), body.dtype)
        return Person(body, hands, row["box"] if self.config.frame == "box" else _extent(body, self.config.threshold))

    def run(self, items: Sequence[Person]) -> Extracted:
        points, hand_points, box = (np.stack(part).astype(np.float64) for part in zip(*items, strict=True))
        body = _skeleton.joints(points, box, self.config.threshold)
        hands = _skeleton.joints(hand_points, box, self.config.threshold)
        wrists = list(_skeleton.WRISTS)
        distances = _skeleton.lma(body)
        parts = [
            _skeleton.about(body, body.places[:, _skeleton.NOSE]),
            _skeleton.about(hands, body.places[:, wrists]),
            distances,
        ]
        seen = np.column_stack([body.seen.sum(1), hands.seen.sum(2)])
        return Extracted.ok(
            {
                "vector": np.concatenate([part.reshape(len(items), -1) for part in parts], axis=1),
                "lma": distances,
                "seen": seen,
                "origins": body.seen[:, [_skeleton.NOSE, *wrists]],
            }
        )

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """How many joints were seen, and the distances by name."""
        seen = dict(zip(("body", "left_hand", "right_hand"), row["seen"].tolist(), strict=True))
        lma = {name: round(value, 4) for name, value in zip(_skeleton.LMA, row["lma"].tolist(), strict=True)}
        return {"joints_seen": seen, "distances": lma}


def _extent(body: NDArray[np.floating], threshold: float) -> NDArray[np.floating]:
    """(4,) the smallest box about the joints that are seen, a pixel wide at least; (0, 0, 1, 1) when none is."""
    seen = body[body[:, 2] >= threshold, :2]
    if not len(seen):
        return np.array([0, 0, 1, 1], body.dtype)
    low = seen.min(0)
    return np.concatenate([low, np.maximum(seen.max(0), low + 1)])
