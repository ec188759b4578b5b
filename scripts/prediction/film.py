"""The annotated video: people with their numbers and what was said of them when they were last or next looked at.

Below each frame stands the strip of text that photographs have.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.decoding.boxes import head_region
from scripts.prediction import document, draw, figures, labels
from scripts.prediction.clip import Clip
from scripts.prediction.colours import WHITE
from scripts.prediction.draw import Scale
from scripts.prediction.timeline import moments
from scripts.prediction.whereabouts import Whereabouts

MOST: Final = 1800
"""Frames that are shown: a minute at 30 a second. Of a longer video every second, third, ... one, at its own time."""
LONGEST: Final = 1280
"""Pixels of a frame's longer side; a larger one is made smaller."""
ANSWERS: Final = 2
Boxes = NDArray[np.float64]


def shown(clip: Clip) -> list[int]:
    """The frames of the annotated video."""
    return list(range(0, len(clip.times), ceil(len(clip.times) / MOST)))


def film(clip: Clip, told: Mapping[str, Any]) -> Iterator[tuple[float, Image.Image]]:
    """When each frame is shown, and the frame with what ``told``, the clip's JSON, says of it; of one even size.

    Raises: ImageError.
    """
    ratio = min(1.0, LONGEST / max(clip.info.size))
    size = tuple(max(2, round(side * ratio)) for side in clip.info.size)
    scale, people = draw.scale_of((size[0], size[1])), [_Seen(clip, person) for person in told["persons"]]
    texts = _texts(told)
    for frame, image in clip.frames(shown(clip)):
        small = image if image.size == size else image.resize((size[0], size[1]), Image.Resampling.BILINEAR)
        there = [(person, box * ratio) for person in people if (box := person.box(frame)) is not None]
        _annotate(small, [(person.said(frame), box) for person, box in there], scale)
        yield clip.times[frame], _even(draw.below(small, texts, scale))


class _Seen:
    """A person at any frame."""

    def __init__(self, clip: Clip, person: Mapping[str, Any]) -> None:
        self.box = Whereabouts(clip.chosen, len(clip.times), person["sightings"]).box
        self._said = [{**one, "number": person["number"]} for one in moments(person)]
        self._centres = np.array([one["frame"] for one in self._said])

    def said(self, frame: int) -> Mapping[str, Any]:
        """What was said at the nearest look, with the number."""
        return self._said[int(np.abs(self._centres - frame).argmin())]


def _texts(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    looks = [one for person in told["persons"] for one in moments(person)]
    warnings = document.warnings({**told, "persons": []})
    return [(document.caption({**told, "persons": looks}), WHITE), *((one, draw.WARNING) for one in warnings)]


def _annotate(picture: Image.Image, people: Sequence[tuple[Mapping[str, Any], Boxes]], scale: Scale) -> None:
    pen = ImageDraw.Draw(picture)
    for one, box in people:
        figures.outline(pen, box.tolist(), draw.colour_of(one), scale.line)
    heads = np.array([head_region(box) for _, box in people], np.float64).reshape(-1, 4)
    taken = np.zeros((0, 4))
    for one, box in people:
        text, place = _label(one, box, heads, taken, picture.size, scale)
        draw.label(pen, text, place, draw.colour_of(one), scale)
        taken = np.concatenate([taken, place[None]])


def _label(
    one: Mapping[str, Any], box: Boxes, heads: Boxes, taken: Boxes, extent: tuple[int, int], scale: Scale
) -> tuple[list[str], Boxes]:
    """The lines of a label and its place: above the box, below it, or in its lower corner, wherever it hides no other
    label and nobody's head; shorter where there is no room, and at last the number in the upper corner."""
    for answers in range(ANSWERS, -1, -1):
        text = document.label(one, answers)
        size = np.array(draw.size_of(text, scale), np.float64)
        for corner in ((box[0], box[1] - size[1]), (box[0], box[3]), (box[0], box[3] - size[1])):
            place = _inside(np.array(corner), size, extent)
            if abs(place[1] - corner[1]) < 1 and not labels.shared(place[None], np.concatenate([taken, heads])).any():
                return text, place
    return text, _inside(box[:2], size, extent)


def _inside(corner: Boxes, size: Boxes, extent: tuple[int, int]) -> Boxes:
    low = np.clip(corner, 0, np.maximum(np.array(extent) - size, 0))
    return np.concatenate([low, low + size])


def _even(image: Image.Image) -> Image.Image:
    """With a black line at the right or below where a side is odd, as encoders want it."""
    size = tuple(side + side % 2 for side in image.size)
    if image.size == size:
        return image
    out = Image.new("RGB", (size[0], size[1]))
    out.paste(image)
    return out
