"""The annotated picture: boxes with their people's numbers and strongest emotions, faces, joints; below it a strip of
text that says who answers and what must be known."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from pipeline.decoding.boxes import head_region
from scripts.prediction import document, labels
from scripts.prediction.colours import COLOURS, WHITE, legible
from scripts.prediction.lettering import Font, font_of, line_height, width_of, wrapped

Faces = Sequence[Sequence[float]]
"""Boxes of one person's face."""
LEAST_JOINT = 0.3
"""Score below which a joint is not drawn."""
LEAST_WIDTH = 96
"""Pixels of the strip of text; a picture of less is widened."""
STRIP, WARNING = "#1A1A1A", "#F0E442"
ANSWERS = (2, 1, 0)
"""In a label; the greatest number with which all labels have room."""
MOST_ON_OTHERS = 0.1
"""Share of a label that may lie on other people before a shorter one is taken."""
Layout = tuple[list[list[str]], labels.Boxes]
"""The lines of each label, and its box."""


class Scale(NamedTuple):
    """line: width of lines. pad: about text. Pixels."""

    font: Font
    line: int
    pad: int


def draw(image: Image.Image, told: Mapping[str, Any]) -> Image.Image:
    """A copy of ``image`` with what ``told``, its JSON, says drawn on it, and a strip of text added below."""
    font = font_of(image.size)
    height = line_height(font)
    scale = Scale(font, max(1, round(height / 7)), max(2, round(height / 5)))
    persons = told["persons"]
    out = image.convert("RGB")
    pen = ImageDraw.Draw(out)
    known = [_faces(told, person) for person in persons]
    for person, faces in zip(persons, known, strict=True):
        _person(pen, person, faces, scale)
    text = _labels(pen, persons, known, scale)
    return _below(
        out, [(document.caption(told), WHITE), *text, *((one, WARNING) for one in document.warnings(told))], scale
    )


def _faces(told: Mapping[str, Any], person: Mapping[str, Any]) -> list[list[float]]:
    """The boxes of a person's face that are known; not those of a stage's proxy, whose confidence is 0."""
    found = told["people"].get("faces")
    parts = [*([found[person["number"]]] if found else []), *person["features"].values()]
    return [part["box"] for part in parts if "box" in part and part.get("confidence", 1)]


def _person(pen: ImageDraw.ImageDraw, person: Mapping[str, Any], faces: Faces, scale: Scale) -> None:
    colour = _colour(person)
    _outline(pen, person["box"], colour, scale.line)
    for box in faces:
        _outline(pen, box, colour, max(1, scale.line // 2), around=True)
    dot = 1.2 * scale.line
    for part in person["features"].values():
        for x, y, score in part.get("joints", ()):
            if score >= LEAST_JOINT:
                pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=colour, outline=legible(colour))


def _outline(pen: ImageDraw.ImageDraw, box: Sequence[float], colour: str, width: int, around: bool = False) -> None:
    """Between thin lines that stand out from it, so that it is seen on any background; inside ``box`` or around it."""
    edge = max(1, width // 3)
    thick = width + 2 * edge
    grown = thick if around else 0
    x1, y1, x2, y2 = (round(side) for side in box)
    x1, y1, x2, y2 = x1 - grown, y1 - grown, max(x1 + 1, x2) + grown, max(y1 + 1, y2) + grown
    for inset, ink, lines in ((0, legible(colour), thick), (edge, colour, width)):
        corners = (x1 + inset, y1 + inset, x2 - 1 - inset, y2 - 1 - inset)
        if corners[0] <= corners[2] and corners[1] <= corners[3]:
            pen.rectangle(corners, outline=ink, width=lines)


def _labels(
    pen: ImageDraw.ImageDraw,
    persons: Sequence[Mapping[str, Any]],
    known: Sequence[Faces],
    scale: Scale,
) -> list[tuple[str, str]]:
    """Draws everybody's label, and returns what then has to stand below the picture: where there is room for numbers
    alone, what they mean."""
    if not persons:
        return []
    texts, places = _layout(persons, known, pen.im.size, scale)
    for person, place in zip(persons, places, strict=True):
        _leader(pen, place, np.array(person["box"]), _colour(person), scale)
    for person, lines, place in zip(persons, texts, places, strict=True):
        _label(pen, lines, place, _colour(person), scale)
    return [] if texts != _texts(persons, 0) else [(document.legend(one), WHITE) for one in persons if one["emotions"]]


def _texts(persons: Sequence[Mapping[str, Any]], answers: int) -> list[list[str]]:
    return [document.label(person, answers) for person in persons]


def _layout(
    persons: Sequence[Mapping[str, Any]],
    known: Sequence[Faces],
    extent: tuple[int, int],
    scale: Scale,
) -> Layout:
    """The longest labels that have room."""
    bodies = np.array([person["box"] for person in persons], np.float64)
    heads = [box for body, faces in zip(bodies, known, strict=True) for box in (faces or [head_region(body).tolist()])]
    avoided = np.array(heads, np.float64)
    roomy: Layout | None = None
    for answers in ANSWERS:
        layout = _layout_of(persons, answers, bodies, avoided, extent, scale)
        if not labels.free(layout[1], avoided, extent):
            continue
        if labels.on_others(layout[1], bodies) <= MOST_ON_OTHERS:
            return layout
        roomy = roomy or layout
    return roomy or layout


def _layout_of(
    persons: Sequence[Mapping[str, Any]],
    answers: int,
    bodies: labels.Boxes,
    avoided: labels.Boxes,
    extent: tuple[int, int],
    scale: Scale,
) -> Layout:
    texts = _texts(persons, answers)
    return texts, labels.place([_size(lines, scale) for lines in texts], bodies, avoided, extent)


def _size(lines: Sequence[str], scale: Scale) -> tuple[int, int]:
    return width_of(lines, scale.font) + 2 * scale.pad, len(lines) * line_height(scale.font) + 2 * scale.pad


def _leader(pen: ImageDraw.ImageDraw, place: labels.Boxes, body: labels.Boxes, colour: str, scale: Scale) -> None:
    """A line from a label that is not at its person's box to the box."""
    if labels.apart(place[None], body)[0] <= 2 * scale.pad:
        return
    low, high = np.maximum(place[:2], body[:2]), np.minimum(place[2:], body[2:])
    middle = (low + high) / 2
    start, end = (np.where(low <= high, middle, np.clip(middle, one[:2], one[2:])) for one in (place, body))
    for ink, width in ((legible(colour), scale.line + 2), (colour, scale.line)):
        pen.line((*start.tolist(), *end.tolist()), fill=ink, width=width)


def _label(pen: ImageDraw.ImageDraw, lines: Sequence[str], place: labels.Boxes, colour: str, scale: Scale) -> None:
    x1, y1, x2, y2 = (round(float(side)) for side in place)
    ink = legible(colour)
    pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colour, outline=ink)
    for number, line in enumerate(lines):
        pen.text((x1 + scale.pad, y1 + scale.pad + number * line_height(scale.font)), line, fill=ink, font=scale.font)


def _below(picture: Image.Image, texts: Sequence[tuple[str, str]], scale: Scale) -> Image.Image:
    """``picture`` with a strip under it that holds ``texts``, each with its colour."""
    width, margin = max(picture.width, LEAST_WIDTH), 2 * scale.pad
    lines = [(line, ink) for text, ink in texts for line in wrapped(text, scale.font, width - 2 * margin)]
    height = line_height(scale.font)
    out = Image.new("RGB", (width, picture.height + len(lines) * height + 2 * margin), STRIP)
    out.paste(picture)
    pen = ImageDraw.Draw(out)
    for number, (line, ink) in enumerate(lines):
        pen.text((margin, picture.height + margin + number * height), line, fill=ink, font=scale.font)
    return out


def _colour(person: Mapping[str, Any]) -> str:
    return COLOURS[int(person["number"]) % len(COLOURS)]
