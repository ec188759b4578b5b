"""A clip looked at, frame by frame: by a head for photographs or networks alone, or for its people only."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from cache.spec import Status
from pipeline.decoding.boxes import square
from pipeline.decoding.images import ImageError
from pipeline.stage import Photo
from scripts.prediction.cast import Cast
from scripts.prediction.clip import Clip, cured
from scripts.prediction.model import Model
from scripts.prediction.strip import PORTRAIT


@dataclass
class Watched:
    """persons: with ``number`` and ``sightings``, in the order of their numbers. scenes: what features of whole frames
    say, one of each frame that there was. portraits: of each person, from the look with the largest box."""

    persons: dict[int, dict[str, Any]] = field(default_factory=dict)
    scenes: list[dict[str, Any]] = field(default_factory=list)
    portraits: dict[int, Image.Image] = field(default_factory=dict)
    _areas: dict[int, float] = field(default_factory=dict)

    def keep(self, number: int, image: Image.Image, sighting: dict[str, Any]) -> None:
        """One look at a person."""
        self.persons.setdefault(number, {"number": number, "sightings": []})["sightings"].append(sighting)
        box = np.array(sighting["box"])
        area = float((box[2:] - box[:2]).prod())
        if area > self._areas.get(number, 0.0):
            self._areas[number] = area
            self.portraits[number] = _portrait(image, box)


def watch(clip: Clip, cast: Cast, model: Model) -> Watched:
    """Raises: ImageError, also when no frame can be had; DataError, WeightsError."""
    seen = Watched()
    for look, (frame, image) in enumerate(clip.frames(clip.chosen)):
        present = cast.at(frame, image)
        looked = _looked(model, Photo(clip.path.name, image, present.boxes, (), present.joints))
        when = {"look": look, "frame": frame, "time": round(clip.times[frame], 3)}
        seen.scenes.append({**when, "features": looked["features"]})
        for number, found, person in zip(present.numbers, present.found, looked["persons"], strict=True):
            told = {name: value for name, value in person.items() if name != "number"}
            seen.keep(number, image, {**when, "found": found, **told})
    if not seen.scenes:
        raise cured(ImageError(Status.BROKEN, f"{clip.path}: none of its frames can be decoded"))
    seen.persons = dict(sorted(seen.persons.items()))
    return seen


def _looked(model: Model, photo: Photo) -> dict[str, Any]:
    """As ``Model.look``; of a head for clips, where people are."""
    if not model.clips:
        return model.look(photo)
    return {"features": {}, "persons": [{"box": [round(float(side), 2) for side in box]} for box in photo.boxes]}


def _portrait(image: Image.Image, box: np.ndarray[Any, Any]) -> Image.Image:
    """The upper part of the person: faces are known by it."""
    x1, y1, x2, y2 = box
    upper = np.array([x1, y1, x2, min(y2, y1 + (x2 - x1) * 1.2)])
    return image.resize((PORTRAIT, PORTRAIT), Image.Resampling.BILINEAR, box=_within(square(upper, *image.size), image))


def _within(box: np.ndarray[Any, Any], image: Image.Image) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = np.clip(box, 0, [*image.size, *image.size]).tolist()
    return x1, y1, x2, y2
