"""The section of a run's page on photographs with all their people: whom a head finds beside who is annotated, and its
emotion maps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import AffectError
from heads.checkpoints.checkpoint import Checkpoint
from heads.head import BOXES, PEOPLE_CLASS, PEOPLE_FLAGS
from heads.page.elements import Html, element, join
from heads.page.outcome import badge, card
from heads.task import Task
from scripts.explaining import stored
from scripts.explaining.stored import Known
from scripts.panels import LICENCE, address
from scripts.prediction import crowd, emotion_maps
from scripts.prediction.crowd import Inputs
from scripts.prediction.emotion_maps import Person

TITLE = "Found people"
MOST, FEW = 6, 3
"""Photographs, and emotions of each."""
SIDE = 280
"""Pixels of the longer side of a small copy; four of them stand beside each other on a card."""
_TOLD = (
    "What {name} says of test photographs: evenly spaced from the one with the most people to one with the fewest. "
    "make predict tells more of a photograph."
)


def section(known: Known, task: Task, name: str) -> Mapping[str, Html]:
    """task: of the people who have all that the head ``name`` reads."""
    rows = chosen(task)
    there = [row for row in rows if known.photograph(row).is_file()]
    lines = [_TOLD.format(name=name), LICENCE]
    lines += (
        [f"Of {len(rows) - len(there)} more the files are not below {known.root}."] if len(there) < len(rows) else []
    )
    parts = [element("p", line) for line in lines]
    if hidden := known.checkpoint.about["untrained"]:
        parts.append(element("p", badge(), f" features took part: {', '.join(hidden)}.", class_="warning"))
    return {TITLE: join([*parts, element("div", *(_card(known, task, row) for row in there), class_="cards")])}


def chosen(task: Task, most: int = MOST) -> list[int]:
    """Rows of test images by how many people they have, of as many the first of the manifest first; ``most`` of them,
    evenly spaced."""
    people = (~np.isnan(np.asarray(task.targets[BOXES][task.test], np.float64)[..., 0])).sum(1)
    ordered = task.test[np.argsort(-people, kind="stable")]
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(np.int64)
    found: list[int] = ordered[places].tolist()
    return found


def _card(known: Known, task: Task, row: int) -> Html:
    key, title = known.manifest.keys[row], known.manifest.images[row]
    try:
        subject = stored.subject(known, key)
        image = subject.image
        assert image is not None  # its file is there
        annotated = _annotated(task, row, image.size)
        people, scores = _people(known.checkpoint, subject.inputs, annotated, image.size)
        maps = crowd.emotion_maps(known.checkpoint, subject.inputs)
    except AffectError as error:
        return card(title, element("p", f"Not shown: {error}", class_="absent"))
    shown = [("annotated", _boxed(image, annotated))]
    shown += [] if scores is None else [("found", _boxed(image, people))]
    lines: list[str] = []
    if maps:
        about = emotion_maps.told(maps, people, "", FEW)
        shown += emotion_maps.panels(image, people, maps, about, SIDE)
        lines = emotion_maps.sentences(about)
    told = {f"annotated {one['number']}": ", ".join(one["named"]) for one in annotated}
    for at, one in enumerate(people):
        told[f"in box {at}" if scores is None else f"found {at} ({scores[at]:.2f})"] = ", ".join(one["named"]) or "none"
    pairs = (element("div", element("dt", word), element("dd", value)) for word, value in told.items())
    notes = [element("p", line) for line in [*lines, *subject.notes]]
    return card(title, *(small(word, one, title) for word, one in shown), element("dl", *pairs), *notes)


def _annotated(task: Task, row: int, size: tuple[int, int]) -> list[Person]:
    boxes = np.asarray(task.targets[BOXES][row], np.float64) * np.tile(size, 2)
    if PEOPLE_CLASS in task.targets:
        flags = task.targets[PEOPLE_CLASS][row][:, None] == np.arange(len(task.classes))
    else:
        flags = np.asarray(task.targets[PEOPLE_FLAGS][row], bool)
    there = np.flatnonzero(~np.isnan(boxes[:, 0])).tolist()
    return [
        {"number": number, "box": boxes[at].tolist(), "named": [task.classes[one] for one in np.flatnonzero(flags[at])]}
        for number, at in enumerate(there)
    ]


def _people(
    checkpoint: Checkpoint, inputs: Inputs, annotated: Sequence[Person], size: tuple[int, int]
) -> tuple[list[Person], list[float] | None]:
    """Those whom the head finds, with their scores; those who are annotated, of a head that finds nobody itself."""
    boxes: NDArray[np.float32] = np.array([one["box"] for one in annotated], np.float32).reshape(-1, 4)
    scores = None
    if checkpoint.finds_people:
        boxes, scores = crowd.finds(checkpoint, inputs, size)
    answer = crowd.in_boxes(checkpoint, inputs, boxes, size)
    people: list[Person] = []
    for at, (box, shares) in enumerate(zip(boxes.tolist(), answer.shares.tolist(), strict=True)):
        emotions: dict[str, Any] = {answer.title: dict(zip(answer.names, shares, strict=True))}
        people.append({"number": at, "box": box, "emotions": emotions, "named": answer.said(at)})
    return people, scores


def _boxed(image: Image.Image, people: Sequence[Person]) -> Image.Image:
    return emotion_maps.numbered(emotion_maps.sized(image, SIDE), image.size, people)


def small(text: str, image: Image.Image, key: str) -> Html:
    """A copy for a card, with a line above it."""
    image.thumbnail((SIDE, SIDE))
    width, height = image.size
    shown = element("img", src=address(image), alt=f"{key}: {text}", width=width, height=height, class_="photograph")
    return join([element("p", text), shown])
