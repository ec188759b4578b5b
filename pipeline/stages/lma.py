"""lma: Laban movement analysis of a person's joints over a clip: 54 features a frame, and 216 statistics of them.

All are of joints over ``s``, the mean length of limbs (eq. 5.13). Per frame: 6 distances, 8 angles, 6 velocities, 8
angular velocities, 6 accelerations, 8 angular accelerations, 6 jerks, 5 volumes and the torso's height (Table 5.1);
of two sides the mean, or the one that is seen. ``statistics`` are their maxima, minima, means and standard deviations.
What the paper leaves open, and is so here: time is in frames of the video, and tau of eq. 5.14 is what lies between two
stored frames, so that more ``frames`` look closer. Frames that a short clip repeats, and those without the person, are
left out, and the next one is taken. Velocities are lengths of vectors, accelerations those of differences of vectors;
of angles they have a sign, as in eq. 5.15. Hands are wrists, feet ankles, the head is the nose. The upper body is head,
neck and arms, the lower one hips and legs, and a side has its arm, leg, eye and ear. A visible limb is one of which
both ends are seen in that frame. A value that needs a joint that is missing, or a frame after the last, is 0, with 0 in
``seen``, and no part of the statistics; those of a feature that is never there are 0.
Source: Context-based visual emotion recognition (thesis), section 5.1.4, eq. 5.13 to 5.15 and Table 5.1, after ARBEE:
Luo et al. 2020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cache.config import Settings
from cache.spec import ArraySpec, Granularity
from pipeline.stage import Extracted, Stage
from pipeline.stages import _laban

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Row = Mapping[str, NDArray[Any]]
WIDTH = len(_laban.NAMES)


class Extractor(Stage[Row]):
    """One item is a clip's row of ``joints``; no network."""

    version = 1
    unit = granularity = Granularity.CLIP
    temporal = True
    frames = 8

    class Config(Settings):
        """source: the feature whose rows are taken, and whose frames these have. threshold: of the score, below which a
        joint is missing."""

        source: str = "joints"
        threshold: float = Field(default=0.1, gt=0)

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 64

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        shape = (self.frames, WIDTH)
        return {
            "frames": ArraySpec(shape, "float32", "Table 5.1: limbs' lengths, radians, per frame of the video"),
            "seen": ArraySpec(shape, "uint8", "1 where the feature could be computed"),
            "statistics": ArraySpec((4 * WIDTH,), "float32", "maximum, minimum, mean, standard deviation over frames"),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    @property
    def source(self) -> str:
        return self.config.source

    @property
    def reads(self) -> tuple[str, ...]:
        return ("pixels", "positions", "present")

    def load(self, device: str, weights: Weights) -> None:
        """Nothing to load."""

    def derive(self, row: Row) -> Row:
        return row

    def run(self, items: Sequence[Row]) -> Extracted:
        found = [self._clip(item) for item in items]
        values = np.stack([features for features, _ in found])
        return Extracted.ok(
            {
                "frames": np.nan_to_num(values, nan=0.0),
                "seen": ~np.isnan(values),
                "statistics": np.stack([statistics for _, statistics in found]),
            }
        )

    def _clip(self, row: Row) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(T, 54), NaN where there is none, and (216,)."""
        out = np.full((self.frames, WIDTH), np.nan)
        there = np.flatnonzero(row["present"])
        frames, first, back = np.unique(row["positions"][there], return_index=True, return_inverse=True)
        if not len(frames):
            return out, np.zeros(4 * WIDTH)
        joints = row["pixels"][there[first]].astype(np.float64)
        places = np.where(joints[..., 2:] >= self.config.threshold, joints[..., :2], np.nan)
        values = _laban.features(places / _laban.scale(places), np.diff(frames).astype(np.float64))
        out[there] = values[back]
        return out, np.nan_to_num(_laban.statistics(values), nan=0.0)

    def describe(self, row: Row) -> dict[str, Any]:
        """The means of what was computed, by name."""
        means = row["statistics"][2 * WIDTH : 3 * WIDTH].tolist()
        seen = [bool(column.any()) for column in row["seen"].T]
        return {name: round(mean, 4) for name, mean, some in zip(_laban.NAMES, means, seen, strict=True) if some}
