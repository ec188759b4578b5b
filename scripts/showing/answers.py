"""What the rows of a finished run say of its test people, beside the truth, and how far off each mistake is."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.errors import AffectError, StoreError, unknown
from cache.store import Store
from heads.experiments.evaluate import Evaluation, evaluate
from heads.head import DIMENSIONS
from scripts.explaining.picked import flags

STRONGEST = 5
"""Classes whose shares are told of a person."""
SUPPORT = 3
"""Of the nearest samples that a person is compared with."""


@dataclass(frozen=True)
class Said:
    """One row of a table. names: of the classes. untrained: features that took part. of: rows of the manifest; right,
    told: (n, C) of each what is true and what is said; shares: (n, C) in 0..1. dimensions: names -> (n,). support:
    (n, k) rows of the manifest with (n, k) likeness, where answers are judged by samples."""

    name: str
    names: Sequence[str]
    untrained: Sequence[str]
    of: NDArray[np.int64]
    right: NDArray[np.bool_]
    told: NDArray[np.bool_]
    shares: NDArray[np.float64]
    dimensions: Mapping[str, NDArray[np.float64]]
    support: tuple[NDArray[np.int64], NDArray[np.float64]] | None

    def column(self, place: Mapping[int, int]) -> dict[str, Any]:
        """For the page's index, of the people in ``place`` (row -> number on the page): ``of``, and of each ``true``
        and ``said`` (classes), ``sure`` (per cent: the least share of what is said, or what the greatest share leaves
        where nothing is) and ``off`` (class, per cent: how far each wrong class's share is from the truth)."""
        kept = [at for at, row in enumerate(self.of.tolist()) if row in place]
        return {
            "name": self.name,
            "untrained": list(self.untrained),
            "classes": list(self.names),
            "of": [place[int(self.of[at])] for at in kept],
            "true": [np.flatnonzero(self.right[at]).tolist() for at in kept],
            "said": [np.flatnonzero(self.told[at]).tolist() for at in kept],
            "sure": [self._sure(at) for at in kept],
            "off": [self._off(at) for at in kept],
        }

    def of_person(self, row: int, place: Mapping[int, int], keys: Sequence[str]) -> dict[str, Any] | None:
        """``shares`` of the strongest classes in per cent, ``dimensions`` and ``support``; None of somebody who is not
        tested."""
        if not len(found := np.flatnonzero(self.of == row)):
            return None
        at = int(found[0])
        order = np.argsort(-self.shares[at], kind="stable")[:STRONGEST].tolist()
        out: dict[str, Any] = {"shares": [[one, _percent(self.shares[at, one])] for one in order]}
        if self.dimensions:
            out["dimensions"] = [[name, round(float(values[at]), 3)] for name, values in self.dimensions.items()]
        if self.support is not None:
            rows, likeness = self.support
            out["support"] = [
                [place.get(one, keys[one]), _percent(like)]
                for one, like in zip(rows[at].tolist(), likeness[at].tolist(), strict=True)
            ]
        return out

    def _sure(self, at: int) -> int:
        if self.told[at].any():
            return _percent(self.shares[at][self.told[at]].min())
        return _percent(1 - self.shares[at].max())

    def _off(self, at: int) -> list[list[int]]:
        wrong = np.flatnonzero(self.right[at] != self.told[at]).tolist()
        return [[one, _percent(abs(float(self.right[at, one]) - self.shares[at, one]))] for one in wrong]


def _percent(share: float) -> int:
    return round(100 * float(share))


def said(
    folder: Path, results: Mapping[str, Any], store: Store, mapping: Path | None, device: str, wanted: Sequence[str]
) -> tuple[list[Said], list[str]]:
    """The rows of a run that can be asked, and why others cannot. wanted: their names, () for all.

    Raises: UnknownName for a row that the run does not have; StoreError when none can be asked.
    """
    rows = [row for row in results["rows"] if row.get("metrics")]
    for name in wanted:
        if name not in (known := [row["name"] for row in rows]):
            raise unknown("head of the run", name, known)
    found, left_out = list[Said](), list[str]()
    for name in wanted or [row["name"] for row in rows]:
        sys.stderr.write(f"answers of {name}\n")
        try:
            found.append(_said(name, evaluate(folder / f"{name}.safetensors", store, mapping, device)))
        except AffectError as error:
            left_out.append(f"{name}: {error}")
    if not found:
        raise StoreError(f"{folder}: no row can be asked. {left_out[0] if left_out else 'Run make train'}")
    return found, left_out


def _said(name: str, found: Evaluation) -> Said:
    """Raises: StoreError for a row that tells no classes of single people."""
    if any(one.loaded.by_image for one in found.loaded.members):
        raise StoreError("tells all people of a photograph at once; make report shows these")
    answers, rows = found.answers(), found.trial.rows
    answer, numbers = answers[0], next((one for one in answers if one.title == DIMENSIONS), None)
    if answer is numbers:
        raise StoreError("tells no classes")
    truth = [found.protocol.truth(found.task, row) for row in rows.tolist()]
    told = [", ".join(answer.said(at)) for at in range(len(rows))]
    values = {} if numbers is None else dict(_columns(numbers.names, numbers.shares.double().cpu().numpy()))
    nearest = found.protocol.nearest(found.loaded.memory, found.output, rows, SUPPORT)
    support = None if nearest is None else (nearest.rows.cpu().numpy(), nearest.likeness.double().cpu().numpy())
    shares = answer.shares.double().cpu().numpy()
    right, says = flags(truth, answer.names), flags(told, answer.names)
    return Said(name, answer.names, found.loaded.about["untrained"], rows, right, says, shares, values, support)


def _columns(names: Sequence[str], values: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    return ((name, values[:, at]) for at, name in enumerate(names))
