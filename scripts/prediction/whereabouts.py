"""Where somebody is in the frames between the looked at ones."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding.tracks import Track
from scripts.prediction.timeline import stretches

Boxes = NDArray[np.float64]


class Whereabouts:
    """Between two looks that follow one another a box is moved evenly from the one to the other; before the first and
    after the last of them it stays for half the time between looks."""

    def __init__(self, chosen: Sequence[int], frames: int, looks: Sequence[Mapping[str, Any]]) -> None:
        """chosen: the looked at frames. frames: of the video. looks: at one person: ``look``, ``frame``, ``box``."""
        self._boxes = np.array([one["box"] for one in looks], np.float64)
        self._frames = np.array([one["frame"] for one in looks])
        middles = [(a + b) // 2 for a, b in pairwise(chosen)]
        edges = [-1, *middles, frames - 1]
        self._spans = [
            (edges[looks[first]["look"]] + 1, edges[looks[end - 1]["look"] + 1], slice(first, end))
            for first, end in stretches(looks)
        ]

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last frame."""
        return self._spans[0][0], self._spans[-1][1]

    def box(self, frame: int) -> Boxes | None:
        """(4,) None where the person is not seen."""
        for first, last, looks in self._spans:
            if first <= frame <= last:
                return np.array([np.interp(frame, self._frames[looks], side) for side in self._boxes[looks].T])
        return None

    def track(self) -> Track:
        """The box of each frame."""
        frames, boxes = [], []
        for first, last, looks in self._spans:
            there = np.arange(first, last + 1)
            frames.append(there)
            boxes.append(np.stack([np.interp(there, self._frames[looks], side) for side in self._boxes[looks].T], 1))
        return Track(np.concatenate(frames).astype(np.int32), np.concatenate(boxes).astype(np.float32))
