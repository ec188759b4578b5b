"""Who is who from one looked at frame to the next: people are followed by the overlap of their boxes.

A box is compared with a person's last one and with where that would be had the person moved on as before; their overlap
is the mean of the two IoUs, the second weighing MOVED, so that two who cross keep their numbers, and whoever stands
still or turns round too.
Pairs are chosen together, for the greatest sum (Kuhn, The Hungarian Method, 1955), among those that overlap enough.
Pictures play no part: who is away for too long comes back as somebody new. After a cut in the film (see ``cuts``) all
are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pipeline.networks.blazepose import overlap

LEAST_OVERLAP = 0.2
"""Of a box that is taken to be somebody's; people move for a part of a second between looked at frames."""
MOVED = 0.6
"""More than a half: two who meet pass each other more often than they turn back."""
LOST = 4
"""Looked at frames in a row that somebody may be missed in and still be known again."""


@dataclass
class _Known:
    """box: (4,) the last. step: (4,) how far it moved from one looked at frame to the next. missed: frames since."""

    number: int
    box: NDArray[np.float64]
    step: NDArray[np.float64]
    missed: int = 0


class Follower:
    """Numbers people from 0 as they appear."""

    def __init__(self, least: float = LEAST_OVERLAP, lost: int = LOST) -> None:
        self.least, self.lost = least, lost
        self._known: list[_Known] = []
        self._next = 0

    def forget(self) -> None:
        """After a cut: whoever comes now is somebody new."""
        self._known = []

    def numbers(self, boxes: NDArray[np.floating]) -> list[int]:
        """The number of each of ``boxes`` (p, 4) xyxy of the next looked at frame."""
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        pairs = self._pairs(boxes)
        found = [pairs.get(at) or self._new(box) for at, box in enumerate(boxes)]
        for at, person in pairs.items():
            person.step = (boxes[at] - person.box) / (person.missed + 1)
            person.box, person.missed = boxes[at], 0
        for person in self._known:
            person.missed += not any(person is one for one in found)
        self._known = [person for person in self._known if person.missed <= self.lost]
        return [person.number for person in found]

    def _pairs(self, boxes: NDArray[np.float64]) -> dict[int, _Known]:
        """Place among ``boxes`` -> who it is, of those who are known."""
        if not len(boxes) or not self._known:
            return {}
        shared = np.array([self._overlap(person, boxes) for person in self._known])
        people, places = linear_sum_assignment(np.where(shared >= self.least, shared, 0), maximize=True)
        return {
            int(place): self._known[person]
            for person, place in zip(people.tolist(), places.tolist(), strict=True)
            if shared[person, place] >= self.least
        }

    def _overlap(self, person: _Known, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = person.box + person.step * (person.missed + 1)
        return np.asarray((1 - MOVED) * overlap(person.box, boxes) + MOVED * overlap(moved, boxes), np.float64)

    def _new(self, box: NDArray[np.float64]) -> _Known:
        person = _Known(self._next, box, np.zeros(4))
        self._next += 1
        self._known.append(person)
        return person
