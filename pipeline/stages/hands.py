"""hands: 21 joints of each person's left and right hand, where the feature ``source`` ("pose", by BlazePose) has them.

The network looks at a square about the hand that wrist, little and index finger tell, turned so that the fingers
point up, and again at the one that its own joints tell. A hand whose wrist is not seen is not looked for: its
coordinates and scores are 0.
Source: MediaPipe's hand landmarks; the squares are those of its graphs hand_landmarks_from_pose_to_recrop_roi and
hand_landmark_landmarks_to_roi.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.config import Settings
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import regions
from pipeline.decoding.regions import Region
from pipeline.networks import tflite
from pipeline.stage import Extracted, Failed, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

NETWORK = "mediapipe/hand_landmark_full"
SIDE, JOINTS = 224, 21
NETWORK_OUTPUTS = [(1, 3 * JOINTS), (1, 1), (1, 1), (1, 3 * JOINTS)]
HANDS = ((15, 17, 19), (16, 18, 20))
"""BlazePose's wrist, little finger and index finger, of the left hand and of the right one."""
SEEN = 0.1
"""Least score of a wrist that has a hand to be looked for."""
PRESENT = 0.5
REACH = 4.0
"""Side of the first square, in distances from the wrist to the middle finger's knuckle."""
PALM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
WRIST, INDEX, MIDDLE, RING = 0, 5, 9, 13
PALMS, FORWARD = 2.0, 0.1
"""Side of the second square in longer sides of the box about the palm, and how far it is moved towards the fingers."""


class Person(NamedTuple):
    """pixels: (h, w, 3) uint8 RGB, the whole image. squares: of the left and right hand, None for one not seen."""

    pixels: NDArray[np.uint8]
    squares: tuple[Region | None, ...]


class Hand(NamedTuple):
    """points: (21, 2) image pixels. presence, right: 0..1, that there is a hand, that it is a right one."""

    points: NDArray[np.floating]
    presence: float
    right: float


class Extractor(Stage[Person]):
    """One item is an image with the squares of a person's hands."""

    version = 2
    unit = granularity = Granularity.PERSON
    cpu_only = sees = True

    class Config(Settings):
        """source: the feature whose wrists are followed."""

        source: str = "pose"

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 4  # its items hold whole images

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        unit = "left, right hand; x, y in image pixels; score: that there is a hand, 0..1"
        return {
            "hands": ArraySpec((2, JOINTS, 3), "float32", unit, np.nan),
            "right": ArraySpec((2,), "float32", "left, right hand: that it is a right one, 0..1; 0 for none", np.nan),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (NETWORK,)

    @property
    def source(self) -> str:
        return self.config.source

    @property
    def reads(self) -> tuple[str, ...]:
        return ("keypoints", "presence")

    def load(self, device: str, weights: Weights) -> None:  # noqa: ARG002 (see ``cpu_only``)
        self.network = tflite.load(weights, NETWORK, [(1, SIDE, SIDE, 3)], NETWORK_OUTPUTS)

    def look(self, image: Image.Image, rows: Sequence[Mapping[str, NDArray[Any]]]) -> list[Person | Failed]:
        pixels = np.asarray(image)
        return [Person(pixels, tuple(_first(row, hand) for hand in HANDS)) for row in rows]

    def run(self, items: Sequence[Person]) -> Extracted:
        arrays = {name: np.zeros((len(items), *spec.shape), spec.dtype) for name, spec in self.outputs.items()}
        for row, item in enumerate(items):
            for side, region in enumerate(item.squares):
                if region:
                    hand = self._find(item.pixels, region)
                    arrays["hands"][row, side, :, :2] = hand.points
                    arrays["hands"][row, side, :, 2] = hand.presence
                    arrays["right"][row, side] = hand.right
        return Extracted.ok(arrays)

    def _find(self, pixels: NDArray[np.uint8], region: Region) -> Hand:
        first = self._look(pixels, region)
        nearer = second_square(first.points)
        if nearer is None or first.presence < PRESENT:
            return first
        second = self._look(pixels, nearer)
        return second if second.presence >= first.presence else first

    def _look(self, pixels: NDArray[np.uint8], region: Region) -> Hand:
        # MediaPipe's label for the third output is left, of pictures of selfie cameras, which are mirrored
        flat, presence, right, _ = self.network(tflite.fractions(regions.cut(pixels, region, SIDE)))
        return Hand(region.to_image(flat.reshape(JOINTS, 3)[:, :2] / SIDE), presence.item(), right.item())

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Each hand's score, and its joints where there is one: x, y in image pixels."""
        out: dict[str, Any] = {}
        for name, hand in zip(("left", "right"), row["hands"].astype(float), strict=True):
            out[name] = {"score": round(hand[0, 2], 4)}
            if hand[0, 2] >= PRESENT:
                out[name]["joints"] = np.round(hand[:, :2], 1).tolist()
        return out


def _first(row: Mapping[str, NDArray[Any]], hand: tuple[int, int, int]) -> Region | None:
    """The square about one of BlazePose's hands; None for one not seen."""
    wrist, little, index = hand
    if min(row["keypoints"][wrist, 2], row["presence"][wrist]) < SEEN:
        return None
    points = row["keypoints"][:, :2].astype(np.float64)
    knuckle = (2 * points[index] + points[little]) / 3
    turned = regions.along(points[wrist], knuckle, REACH)
    return turned and turned._replace(x=float(knuckle[0]), y=float(knuckle[1]))


def second_square(points: NDArray[np.floating]) -> Region | None:
    """The square about the palm of a hand's joints (21, 2), in image pixels, its fingers up."""
    towards = (points[INDEX] + points[RING]) / 4 + points[MIDDLE] / 2
    turned = regions.along(points[WRIST], towards, 1.0)
    if turned is None:
        return None
    flat = turned.from_image(points[list(PALM)])  # in hand's lengths, its fingers up
    low, high = flat.min(0), flat.max(0)
    side = PALMS * float((high - low).max())
    x, y = turned.to_image((low + high) / 2 - (0, FORWARD * side))
    return turned._replace(x=float(x), y=float(y), side=side * turned.side)
