"""Whose emotions: the people of BOXES, of the annotation, of the config's detector, or those whose faces are found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import ConfigError, DataError, WeightsError, nearest
from cache.spec import Status
from pipeline.decoding.boxes import body_region
from pipeline.running.memory import Memory
from pipeline.running.recipes import DatasetConfig, Recipe, recipes, stage_of
from pipeline.stage import Photo
from pipeline.stages import _blazepose
from pipeline.weights.folder import Weights
from scripts.prediction.annotated import Annotation
from scripts.prediction.bodies import ByBodies
from scripts.prediction.faces import CURE, FaceFinder, told
from scripts.prediction.model import Model
from scripts.prediction.people import Boxes, clamped, inside, placed

FACES, OBJECTS, POSE, HEAD, BOXES = WAYS = ("faces", "objects", "pose", "head", "boxes")
PERSON = 1
"""COCO's number of a person."""
LEAST_SCORE = 0.5
NONE = np.zeros((0, 4), np.float32)


class Found(NamedTuple):
    """boxes: (p, 4) inside the image. rows: (p,) of the manifest, where they are known. how: they came about, for JSON;
    with the ``reason`` where there are none."""

    boxes: Boxes
    rows: NDArray[np.int64] | None
    how: dict[str, Any]

    def of(self, person: int) -> dict[str, Any]:
        """How one of them came about."""
        if "persons" in self.how:
            return dict(self.how["persons"][person])
        if "faces" in self.how:
            return {"face": self.how["faces"][person]}
        return {"score": self.how["scores"][person]} if "scores" in self.how else {}


Look = Callable[[Path, Image.Image], Found]


def check(way: str, boxes: str, track: Path | None = None) -> None:
    """way: the word of PEOPLE, "" for none. boxes: the word of BOXES. track: of TRACK. Raises: ConfigError when they do
    not agree."""
    if track and (way or boxes):
        other = f"BOXES={boxes}" if boxes else f"PEOPLE={way}"
        raise ConfigError(f"TRACK={track}: {other} is given too. Leave one of them out")
    if way and way not in WAYS:
        raise ConfigError(f"PEOPLE={way}: no such way to find people.{nearest(way, WAYS)}")
    if way == BOXES and not boxes:
        raise ConfigError(f"PEOPLE={way}: no BOXES given. {CURE}, or a CSV of image,x1,y1,x2,y2")
    if way and way != BOXES and boxes:
        raise ConfigError(f"PEOPLE={way}: BOXES={boxes} is given too. Leave one of them out")


@dataclass
class Finder:
    """way: the word of PEOPLE. Without one: given boxes, else by the head where it finds people itself, else the
    annotation's, else by the config's ``objects``, else by its BlazePose, else by faces. A network is loaded when the
    first photograph needs it. form: the word of BOX, "" for none. say: takes a line for the user. head: finds people,
    None where the head is shown them."""

    way: str
    boxes: list[Boxes] | dict[str, Boxes] | None
    form: str
    annotation: Annotation | None
    config: DatasetConfig
    weights: Weights
    device: str
    say: Callable[[str], None]
    head: Look | None = None
    network: Look | None = None

    def __post_init__(self) -> None:
        """Raises: ConfigError, WeightsError for a way that cannot be gone."""
        if self.way == HEAD and self.head is None:
            raise ConfigError(f"PEOPLE={self.way}: the head finds nobody itself. Leave it out, or take another HEAD")
        if self.way in (FACES, OBJECTS, POSE):
            self.network = self._load()

    def owns(self, path: Path) -> bool:
        """Whether the file is one of the dataset's."""
        return self.annotation is not None and self.annotation.holds(path)

    def find(self, path: Path, image: Image.Image, film: bool = False) -> Found:
        """The people of the photograph ``image`` at ``path``. film: it is a frame of a video there, of whose people no
        annotation is asked. Raises: DataError, WeightsError."""
        if self.boxes is not None:
            given = self.boxes.get(path.name, NONE) if isinstance(self.boxes, dict) else self.boxes[0]
            none = "BOXES names nobody in it"
            boxes = placed(given, self.form, image.size, str(path))
            cut = clamped(given, self.form, image.size)
            how = {"boxes": "given"} | ({"clamped": cut} if cut else {})
            return _told(Found(boxes, None, how), none)
        if self.head and self.way in ("", HEAD):
            return self.head(path, image)
        if not (self.way or film) and self.annotation and (annotated := self.annotation.people(path, image.size)):
            dataset = self.annotation.manifest.dataset
            none = f"the annotation of {dataset} has nobody with a usable box in it"
            return _told(Found(*annotated, {"boxes": f"annotation of {dataset}"}), none)
        look = self.network = self.network or self._load()
        return look(path, image)

    def _load(self) -> Look:
        """Raises: ConfigError, WeightsError."""
        if self.way == POSE or (not self.way and self._no_detector() and self._has_blazepose()):
            return self._bodies()
        why = "" if self.way == FACES else self._no_detector()
        if self.way == OBJECTS and why:
            raise WeightsError(f"PEOPLE=objects: {why}. {CURE}, or PEOPLE=faces")
        if self.way == FACES or why:
            if why:
                self.say(f"people are found by their faces, for {why}")
            return ByFaces(self.device, why)
        return ByObjects(recipes(self.config, [OBJECTS], self.weights)[0], self.device)

    def _bodies(self) -> Look:
        """Raises: ConfigError, WeightsError."""
        if absent := self._absent(_blazepose.WEIGHTS):
            cure = f'make weights DATASET={self.config.dataset} CONFIG=light STAGES="pose" fetches them'
            raise WeightsError(f"PEOPLE=pose: weights {absent[0]} are absent ({cure}). {CURE}, or PEOPLE=faces")
        found = ByBodies(self.weights, self.device)

        def look(path: Path, image: Image.Image) -> Found:
            boxes, persons = found.find(path, image)
            none = "neither a body (BlazePose) nor a face (MTCNN) was found in it"
            return _told(Found(boxes, None, {"boxes": "from bodies", "persons": persons}), none)

        return look

    def _has_blazepose(self) -> bool:
        """Whether the config has a pose by BlazePose, with its weights."""
        stages = [stage_of(feature, table).stage for feature, table in self.config.stages.items()]
        return any(stage.weights == _blazepose.WEIGHTS for stage in stages) and not self._absent(_blazepose.WEIGHTS)

    def _absent(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not self.weights.trained(name)]

    def _no_detector(self) -> str:
        """Why no trained detector is there, "" when one is."""
        table = self.config.stages.get(OBJECTS)
        if table is None or table.get("stage", OBJECTS) != OBJECTS:
            return f"the config of {self.config.dataset} has no [stages.objects] to find them with"
        if absent := self._absent(stage_of(OBJECTS, table).stage.weights):
            cure = f'make weights DATASET={self.config.dataset} STAGES="objects" fetches them'
            return f"the detector of [stages.objects] is untrained: weights {absent[0]} are absent ({cure})"
        return ""


def _told(found: Found, none: str) -> Found:
    """With ``none`` as the reason where nobody was found."""
    return found if len(found.boxes) else found._replace(how=found.how | {"reason": none})


class ByHead:
    """Finds people by a head that needs no boxes."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def __call__(self, path: Path, image: Image.Image) -> Found:
        """The surest first. Raises: DataError for an image that cannot be looked at."""
        boxes, scores = self._model.find(Photo(path.name, image, NONE))
        how = {"boxes": "found by the head", "scores": scores}
        return _told(Found(inside(boxes, image.size, str(path)), None, how), "the head finds nobody in it")


def by_head(model: Model) -> Look | None:
    """None of a head that is shown people."""
    return ByHead(model) if model.finds_people else None


class ByObjects:
    """Finds people by the dataset's ``objects`` feature."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        """Raises: WeightsError, ConfigError."""
        self.name = recipe.feature
        self._memory = Memory([recipe], device)

    def __call__(self, path: Path, image: Image.Image) -> Found:
        """The surest first. Raises: DataError for an image that cannot be looked at."""
        rows = self._memory.features(Photo(path.name, image, NONE))[self.name]
        if rows.status[0] != Status.OK:
            raise DataError(f"{path}: people cannot be looked for: {rows.messages[0]}. {CURE}")
        found: Mapping[str, NDArray[np.generic]] = rows.arrays
        count = int(found["count"][0])
        scores, labels = np.asarray(found["scores"][0][:count], np.float64), found["labels"][0][:count]
        chosen = np.flatnonzero((labels == PERSON) & (scores >= LEAST_SCORE))
        boxes = inside(np.asarray(found["boxes"][0][chosen], np.float32), image.size, str(path))
        how = {"boxes": "detected", "scores": scores[chosen].round(4).tolist()}
        return _told(Found(boxes, None, how), f"the detector is sure of no person (score of {LEAST_SCORE} and more)")


class ByFaces:
    """Finds faces, and takes bodies from them by proportion."""

    def __init__(self, device: str, why: str = "") -> None:
        """why: no detector finds whole people instead. Raises: WeightsError, ConfigError."""
        self.why = why
        self._faces = FaceFinder(device)

    def __call__(self, path: Path, image: Image.Image) -> Found:
        """From left to right. Raises: DataError for an image that cannot be looked at."""
        found = self._faces.find(path, image)
        boxes = [body_region(face, *image.size) for face in found.boxes]
        seen = [told(found, face) for face in range(len(boxes))]
        how = {"boxes": "from faces", "faces": seen} | ({"why": self.why} if self.why else {})
        return _told(Found(np.array(boxes, np.float32).reshape(-1, 4), None, how), "no face was found in it (MTCNN)")
