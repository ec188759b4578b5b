"""Which test people are explained on a run's page: of each class, who is told best, and the worst mistake."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heads.experiments.evaluate import Evaluation
from heads.head import DIMENSIONS

CLASSES = 20
"""At most, so that a page keeps its size: those with the most test people."""


class Picked(NamedTuple):
    """row: of the manifest. word: the class. kind: ``best``, ``missed`` or ``wrongly said``. share: of the class, in
    0..1. truth, said: in words."""

    row: int
    word: str
    kind: str
    share: float
    truth: str
    said: str


def picked(found: Evaluation, most: int = CLASSES) -> tuple[list[Picked], list[str]]:
    """By class, in the order of the answer, the best, then the worst; and the classes beyond ``most``.

    Best is the greatest share among the people of whom the class is true and said. A mistake's size is how far the
    share is from the truth: from 1 of a class that is missed, from 0 of one that is wrongly said. Of equal ones the
    first of the manifest counts. A class may have nobody right, or nobody wrong.
    """
    answer = found.answers()[0]
    if answer.title == DIMENSIONS:
        return [], []
    rows, shares = found.trial.rows.tolist(), answer.shares.double().cpu().numpy()
    truth = [found.protocol.truth(found.task, row) for row in rows]
    said = [answer.said(place) for place in range(len(rows))]
    right, told = (flags(one, answer.names) for one in (map(str, truth), map(", ".join, said)))
    kept = sorted(np.argsort(-right.sum(0), kind="stable")[:most].tolist())
    people = [
        Picked(rows[who], answer.names[at], kind, float(shares[who, at]), truth[who], ", ".join(said[who]))
        for at in kept
        for who, kind in _of_class(right[:, at], told[:, at], shares[:, at])
    ]
    return people, [name for at, name in enumerate(answer.names) if at not in kept]


def _of_class(
    right: NDArray[np.bool_], told: NDArray[np.bool_], shares: NDArray[np.float64]
) -> Iterator[tuple[int, str]]:
    """right, told, shares: (n,)."""
    if (both := right & told).any():
        yield int(np.where(both, shares, -1).argmax()), "best"
    if (wrong := right != told).any():
        worst = int(np.where(wrong, np.abs(right - shares), -1).argmax())
        yield worst, "missed" if right[worst] else "wrongly said"


def flags(lines: Iterable[str], names: Sequence[str]) -> NDArray[np.bool_]:
    """(n, C): which of ``names`` each line has. A name with a comma is one name where it stands alone."""
    found = [{line} if line in names else set(line.split(", ")) for line in lines]
    return np.array([[name in one for name in names] for one in found], bool).reshape(-1, len(names))
