"""What a protocol wants drawn of one head's outputs, as data; the page draws it. Drawings with one title are one
section, each head a card in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Bars:
    """A score for each class. told: what it is, for the section. name: of the score. values: class -> (S,) by model and
    (S, R) by resample, in 0..1. level: what needs no learning, None without; levels: the same where each class has its
    own."""

    title: str
    told: str
    name: str
    values: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    level: float | None = None
    levels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Matrix:
    """Shares in 0..1 of what is in a row, by column; ``names`` are those of both. shares: (C, C)."""

    title: str
    told: str
    name: str
    names: tuple[str, ...]
    shares: NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """People as vectors (n, e), to be laid out on a plane; labels (n,) below len(names)."""

    title: str
    told: str
    names: tuple[str, ...]
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Ordered:
    """A score of each person, to be put in falling order. values: name with its unit -> (S, m) by model and person, in
    that unit, of the m people of whom it is known, at least one."""

    title: str
    told: str
    values: Mapping[str, NDArray[np.float64]]


Drawing = Bars | Matrix | Points | Ordered
