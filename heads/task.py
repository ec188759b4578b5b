"""A protocol applied to a manifest: who is trained on, validated on and tested, and as which class."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

NOWHERE = -1
"""Label of people who belong to no class of the protocol."""


@dataclass(frozen=True)
class Task:
    """labels: (n,) over all manifest rows, seen classes first, NOWHERE outside. train, val: manifest rows of seen
    classes. test: manifest rows of unseen classes. version: of the mapping that made the labels.
    """

    dataset: str
    protocol: str
    version: int
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]

    def counts(self, rows: NDArray[np.int64]) -> list[int]:
        """How many of ``rows`` each class has, seen classes first."""
        return [int(n) for n in np.bincount(self.labels[rows], minlength=len(self.seen) + len(self.unseen))]

    def class_counts(self) -> dict[str, dict[str, int]]:
        """train, val, test -> class -> people."""
        names = self.seen + self.unseen
        return {
            part: {name: n for name, n in zip(names, self.counts(getattr(self, part)), strict=True) if n}
            for part in ("train", "val", "test")
        }

    def validation_classes(self, shots: int) -> list[int]:
        """The seen classes with validation people for a support and a query."""
        return [label for label, count in enumerate(self.counts(self.val)[: len(self.seen)]) if count > shots]

    def only(self, present: NDArray[np.bool_]) -> tuple["Task", dict[str, int]]:
        """The task without the manifest rows that lack a feature, and how many each part lost. present: (n,)."""
        parts = {part: getattr(self, part)[present[getattr(self, part)]] for part in ("train", "val", "test")}
        lost = {part: len(getattr(self, part)) - len(rows) for part, rows in parts.items()}
        return replace(self, **parts), lost
