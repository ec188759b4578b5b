"""Where a head looked, of one person: its maps over the photograph, its objects by name, its graph of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heads.checkpoints.checkpoint import Checkpoint
from heads.head import ClassMaps
from heads.protocol import Answer
from pipeline.stages.objects import categories
from scripts.explaining.streams import answered, strongest
from scripts.explaining.subject import Frame, Subject

OBJECTS = 10
"""Of the objects, those with the greatest weights are told."""
LEAST_EDGE = 0.01
CAM = "class activation map"
SLOPE = "gradient times map (no class activation map: layers that are not linear follow)"
INSIDE = "emotion map, whose mean inside the box is the person's logit"
_DIGITS = 4


@dataclass(frozen=True)
class Map:
    """values: (h, w), the mean over seeds. frame: (4,) of the photograph that they lie over, None where it is not
    known."""

    name: str
    values: NDArray[np.float64]
    frame: NDArray[np.floating] | None


@dataclass(frozen=True)
class ClassMap(Map):
    """What each place says of the class ``word``. kind: which sort of map it is, and of what, in words."""

    word: str
    kind: str


@dataclass(frozen=True)
class Object:
    """weight: the mean over seeds and attention heads; of all objects of a photograph they sum to 1."""

    word: str
    weight: float
    box: list[float]


@dataclass(frozen=True)
class Looked:
    """classes: of the strongest classes, the strongest first. graph: names and (C, C), [i, j] how much label i takes of
    label j, the mean over seeds; None without one. mapless: why no place is shown; empty where one is."""

    maps: Sequence[Map]
    classes: Sequence[ClassMap]
    objects: Sequence[Object]
    graph: tuple[list[str], NDArray[np.float64]] | None
    mapless: str = ""

    def document(self) -> dict[str, Any]:
        """For JSON; what there is none of is left out."""
        maps = [_placed(one) for one in self.maps]
        classes = [{"class": one.word, "kind": one.kind, **_placed(one)} for one in self.classes]
        objects = [{"name": one.word, "weight": round(one.weight, _DIGITS), "box": one.box} for one in self.objects]
        graph = {} if self.graph is None else {"graph": _edges(self.graph)}
        named = (("maps", maps), ("class_maps", classes), ("objects", objects), ("no_map", self.mapless))
        return {name: one for name, one in named if one} | graph


def _placed(one: Map) -> dict[str, Any]:
    frame = None if one.frame is None else [round(float(side), 2) for side in one.frame]
    return {"input": one.name, "map": one.values.round(_DIGITS).tolist(), "frame": frame}


def looked(checkpoint: Checkpoint, subject: Subject, hidden: Sequence[str], word: str = "") -> Looked:
    """hidden: features of which nothing is told, for no trained network made them. word: the class that maps are
    of, where the head has learned it; otherwise the strongest ones."""
    rows = np.array([subject.row])
    found = checkpoint.looks(subject.inputs, rows)
    every = answered(checkpoint, subject.inputs, rows, subject.place)
    answer = next((one for one in every if one.logits is not None), None)
    maps, objects = [], []
    for name, x in found.maps.items():
        if (feature := name.partition("/")[0]) not in hidden:
            maps.append(Map(name, x[:, 0].double().mean(0).cpu().numpy(), subject.frame(feature)))
    for name, x in found.objects.items():
        if (feature := name.partition("/")[0]) not in hidden:
            objects += _objects(subject, feature, x[:, 0].double().mean((0, 1)).cpu().numpy())
    shown = [one for one in found.classes if one.input.partition("/")[0] not in hidden]
    classes = _classes(shown, answer, subject, word, checkpoint.by_image) if answer else []
    mapless = _mapless(checkpoint, bool(found.maps or found.classes))
    if found.graph is None:
        return Looked(maps, classes, objects, None, mapless)
    weights = found.graph.double().mean(0).cpu().numpy()
    names = list(answer.names) if answer else [str(label) for label in range(len(weights))]
    return Looked(maps, classes, objects, (names, weights), mapless)


def _classes(found: Sequence[ClassMaps], answer: Answer, subject: Subject, word: str, by_image: bool) -> list[ClassMap]:
    """by_image: of the head, whose maps speak of all people."""
    return [
        ClassMap(
            one.input,
            one.values[:, 0, at].double().mean(0).cpu().numpy(),
            _whole(subject) if by_image else subject.frame(one.input.partition("/")[0]),
            answer.names[at],
            INSIDE if by_image else f"{CAM if one.exact else SLOPE}{f' of the {one.of}' if one.of else ''}",
        )
        for at in strongest(answer, word)
        for one in found
    ]


def _whole(subject: Subject) -> Frame:
    """Of the photograph."""
    return None if subject.image is None else np.array([0.0, 0.0, *subject.image.size])


def _mapless(checkpoint: Checkpoint, found: bool) -> str:
    if found:
        return ""
    maps = [name for name in checkpoint.inputs if len(checkpoint.about["shapes"].get(name, ())) == 3]
    return f"the head tells nothing of the places of {', '.join(maps)}" if maps else "no map in its features"


def _objects(subject: Subject, feature: str, weights: NDArray[np.float64]) -> list[Object]:
    """The first ones by weight; those without any weight are none."""
    boxes, labels = subject.read(feature, "boxes"), subject.read(feature, "labels")
    words = categories() if labels is not None else []
    first = [at for at in np.argsort(-weights, kind="stable")[:OBJECTS].tolist() if weights[at] > 0]
    return [
        Object(
            words[int(labels[at])] if labels is not None else f"object {at}",
            float(weights[at]),
            [] if boxes is None else [round(float(side), 2) for side in boxes[at]],
        )
        for at in first
    ]


def _edges(graph: tuple[list[str], NDArray[np.float64]]) -> list[dict[str, Any]]:
    """From each label to those that it takes of, without itself, the strongest first."""
    names, weights = graph
    strong = [(i, j) for i, j in np.argwhere(weights >= LEAST_EDGE).tolist() if i != j]
    strong.sort(key=lambda edge: -weights[edge[0], edge[1]])
    return [
        {"label": names[i], "takes of": names[j], "weight": round(float(weights[i, j]), _DIGITS)} for i, j in strong
    ]
