"""Where a head looked, of one person: its maps over the photograph, its objects by name, its graph of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heads.checkpoints.checkpoint import Checkpoint
from pipeline.stages.objects import categories
from scripts.explaining.subject import Subject

OBJECTS = 10
"""Of the objects, those with the greatest weights are told."""
LEAST_EDGE = 0.01
_DIGITS = 4


@dataclass(frozen=True)
class Map:
    """values: (h, w), the mean over seeds. frame: (4,) of the photograph that they lie over, None where it is not
    known."""

    name: str
    values: NDArray[np.float64]
    frame: NDArray[np.floating] | None


@dataclass(frozen=True)
class Object:
    """weight: the mean over seeds and attention heads; of all objects of a photograph they sum to 1."""

    word: str
    weight: float
    box: list[float]


@dataclass(frozen=True)
class Looked:
    """graph: names and (C, C), [i, j] how much label i takes of label j, the mean over seeds; None without one."""

    maps: Sequence[Map]
    objects: Sequence[Object]
    graph: tuple[list[str], NDArray[np.float64]] | None

    def document(self) -> dict[str, Any]:
        """For JSON; what there is none of is left out."""
        maps = [
            {
                "input": one.name,
                "map": one.values.round(_DIGITS).tolist(),
                "frame": None if one.frame is None else [round(float(side), 2) for side in one.frame],
            }
            for one in self.maps
        ]
        objects = [{"name": one.word, "weight": round(one.weight, _DIGITS), "box": one.box} for one in self.objects]
        graph = {} if self.graph is None else {"graph": _edges(self.graph)}
        return {name: one for name, one in (("maps", maps), ("objects", objects)) if one} | graph


def looked(checkpoint: Checkpoint, subject: Subject, hidden: Sequence[str]) -> Looked:
    """hidden: features of which nothing is told, for no trained network made them."""
    rows = np.array([subject.row])
    found = checkpoint.looks(subject.inputs, rows)
    maps, objects = [], []
    for name, x in found.maps.items():
        if (word := name.partition("/")[0]) not in hidden:
            maps.append(Map(name, x[:, 0].double().mean(0).cpu().numpy(), subject.frame(word)))
    for name, x in found.objects.items():
        if (word := name.partition("/")[0]) not in hidden:
            objects += _objects(subject, word, x[:, 0].double().mean((0, 1)).cpu().numpy())
    if found.graph is None:
        return Looked(maps, objects, None)
    weights = found.graph.double().mean(0).cpu().numpy()
    named = (list(one.names) for one in checkpoint.answers(subject.inputs, rows) if one.logits is not None)
    names = next(named, [str(label) for label in range(len(weights))])
    return Looked(maps, objects, (names, weights))


def _objects(subject: Subject, feature: str, weights: NDArray[np.float64]) -> list[Object]:
    """The first ones by weight; those without any weight are none."""
    boxes, labels = subject.read(feature, "boxes"), subject.read(feature, "labels")
    words = categories() if labels is not None else []
    strongest = [at for at in np.argsort(-weights, kind="stable")[:OBJECTS].tolist() if weights[at] > 0]
    return [
        Object(
            words[int(labels[at])] if labels is not None else f"object {at}",
            float(weights[at]),
            [] if boxes is None else [round(float(side), 2) for side in boxes[at]],
        )
        for at in strongest
    ]


def _edges(graph: tuple[list[str], NDArray[np.float64]]) -> list[dict[str, Any]]:
    """From each label to those that it takes of, without itself, the strongest first."""
    names, weights = graph
    strong = [(i, j) for i, j in np.argwhere(weights >= LEAST_EDGE).tolist() if i != j]
    strong.sort(key=lambda edge: -weights[edge[0], edge[1]])
    return [
        {"label": names[i], "takes of": names[j], "weight": round(float(weights[i, j]), _DIGITS)} for i, j in strong
    ]
