"""Which people stand on the panels, and what is said of them: their truth, what each row says, where they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.errors import StoreError
from cache.feature import Feature
from cache.spec import Status
from heads.experiments.evaluate import Evaluation
from pipeline.stages._places365 import SCENES, attribute_names

SCENE = "scene"
"""The feature that knows scenes and attributes."""
EACH = 2
"""People of the best, of the middle and of the worst."""
_SCENES, _ATTRIBUTES = 3, 5


class Said(NamedTuple):
    """What a row says of a person, and how much of that or of the truth is both, in 0..1."""

    classes: Sequence[str]
    jaccard: float


@dataclass(frozen=True)
class Person:
    """row: of the manifest. said: by row of the table."""

    row: int
    truth: Sequence[str]
    said: Mapping[str, Said]

    @property
    def jaccard(self) -> float:
        """The mean over the rows."""
        return sum(one.jaccard for one in self.said.values()) / len(self.said)


def people(found: Mapping[str, Evaluation]) -> list[Person]:
    """The test people whom every row judges, from the best Jaccard to the worst; of equal ones in the manifest's order.

    found: by row, at least one. Raises: StoreError when there is nobody.
    """
    said = {name: _said(one) for name, one in found.items()}
    first = next(iter(found.values()))
    every = []
    for row in first.trial.rows.tolist():
        if all(row in one for one in said.values()):
            truth = first.protocol.truth(first.task, row).split(", ")
            told = {name: Said(one[row], jaccard(one[row], truth)) for name, one in said.items()}
            every.append(Person(row, truth, told))
    if not every:
        raise StoreError(f"{', '.join(found)}: no test person has the features of all of them. Choose others as HEADS")
    return sorted(every, key=lambda one: (-one.jaccard, one.row))


def jaccard(said: Sequence[str], truth: Sequence[str]) -> float:
    """Of the classes that are said or true, the share that is both. truth: at least one."""
    return len({*said} & {*truth}) / len({*said} | {*truth})


def chosen(ordered: Sequence[Person], each: int = EACH) -> dict[str, list[Person]]:
    """``each`` people of the best, of the middle and of the worst; nobody twice, and none of a kind left out."""
    middle = max((len(ordered) - each) // 2, 0)
    parts = {"Best": ordered[:each], "Middle": ordered[middle : middle + each], "Worst": ordered[-each:]}
    seen: set[int] = set()
    kept = {}
    for name, part in parts.items():
        kept[name] = [one for one in part if one.row not in seen]
        seen |= {one.row for one in part}
    return {name: part for name, part in kept.items() if part}


def _said(found: Evaluation) -> dict[int, list[str]]:
    answer = found.answers()[0]
    return {row: answer.said(place) for place, row in enumerate(found.trial.rows.tolist())}


def scenes(feature: Feature, row: int, weights: Path) -> dict[str, str]:
    """``scene`` and ``attributes`` of a person's image, in words; of an image without them, why.

    weights: folder with the attributes' names; without their file there are none. Raises: StoreError, WeightsError.
    """
    rows = np.array([row], np.int64)
    scores, status = feature.of_people("scores", rows)
    if status[0] != Status.OK:
        return {"scene": f"not known ({Status(int(status[0])).word})"}
    likely = _first(scores[0], _SCENES)
    told = {"scene": ", ".join(f"{SCENES[at]} {100 * float(scores[0][at]):.0f} %" for at in likely)}
    if names := attribute_names(weights):
        strong = _first(feature.of_people("attributes", rows)[0][0], _ATTRIBUTES)
        told["attributes"] = ", ".join(names[at] for at in strong)
    return told


def _first(values: NDArray[np.floating], count: int) -> list[int]:
    return [int(at) for at in np.argsort(-values.astype(float), kind="stable")[:count]]
