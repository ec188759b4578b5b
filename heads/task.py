"""A protocol's word applied to a manifest: who is trained on, validated on and tested, and as what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.films import groups
from cache.manifest import Manifest
from heads.head import CLASS

NOWHERE = -1
"""The class of people who have none under a protocol."""

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Task:
    """targets: what a head learns, by kind (``heads.head``), each (n, ...) over all rows of the manifest. sizes: of
    each kind, how many classes or numbers a head has to tell. classes: names of the classes in the order of
    ``targets[CLASS]``; a protocol may test on classes beyond those that are learned. train, val, test: rows of the
    manifest. images: (n,) number of each row's image, or of a clip's film (``cache.films``). about: what the protocol
    itself keeps, ready for JSON. given: kinds of ``targets`` that a head finds among its features wherever it is
    trained or judged, such as annotated boxes to read people out of.
    """

    dataset: str
    protocol: str
    targets: Mapping[str, NDArray[np.generic]]
    sizes: Mapping[str, int]
    classes: tuple[str, ...]
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    images: NDArray[np.int64]
    about: Mapping[str, Any]
    given: tuple[str, ...] = ()

    @classmethod
    def of_labels(
        cls,
        manifest: Manifest,
        protocol: str,
        labels: NDArray[np.int64],
        classes: Sequence[str],
        about: Mapping[str, Any],
    ) -> "Task":
        """Everybody in the dataset's own split, as one class. labels: (n,) over all rows, NOWHERE for people who have
        no part."""
        splits = np.array(manifest.splits)
        train, val, test = (np.flatnonzero((labels >= 0) & (splits == part)) for part in PARTS)
        images = groups(manifest)
        targets, sizes = {CLASS: labels}, {CLASS: len(classes)}
        return cls(manifest.dataset, protocol, targets, sizes, tuple(classes), train, val, test, images, about)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) the class of each row, NOWHERE where it has none."""
        return np.asarray(self.targets[CLASS], np.int64)

    def counts(self, rows: NDArray[np.int64]) -> list[int]:
        """How many of ``rows`` each class has."""
        return [int(n) for n in np.bincount(self.labels[rows], minlength=len(self.classes))]

    def class_counts(self) -> dict[str, dict[str, int]]:
        """train, val, test -> class -> people."""
        counted = {part: self.counts(getattr(self, part)) for part in PARTS}
        return {
            part: {name: n for name, n in zip(self.classes, counts, strict=True) if n}
            for part, counts in counted.items()
        }

    def only(self, present: NDArray[np.bool_]) -> tuple["Task", dict[str, int]]:
        """The task without the rows that lack a feature, and how many each part lost. present: (n,)."""
        parts = {part: getattr(self, part)[present[getattr(self, part)]] for part in PARTS}
        lost = {part: len(getattr(self, part)) - len(rows) for part, rows in parts.items()}
        return replace(self, **parts), lost
