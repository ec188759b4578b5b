"""The annotated picture: people with their numbers, strongest emotions and what their faces show; below it a strip of
text that says who answers and what must be known."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from pipeline.decoding.boxes import head_region
from scripts.prediction import document, figures, labels
from scripts.prediction.colours import COLOURS, WHITE, legible
from scripts.prediction.figures import Faces
from scripts.prediction.lettering import Font, font_of, line_height, width_of, wrapped

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
    scale = scale_of(image.size)
    persons = told["persons"]
    out = image.convert("RGB")
    pen = ImageDraw.Draw(out)
    known = [_faces(told, person) for person in persons]
    for person in persons:
        figures.tint(out, person, colour_of(person))
    for person, faces in zip(persons, known, strict=True):
        figures.draw(pen, person, faces, colour_of(person), scale.line)
    text = _labels(pen, persons, known, scale)
    return below(
        out, [(document.caption(told), WHITE), *text, *((one, WARNING) for one in document.warnings(told))], scale
    )


def scale_of(size: tuple[int, int]) -> Scale:
    """For a picture of ``size`` (width, height)."""
    font = font_of(size)
    height = line_height(font)
    return Scale(font, max(1, round(height / 7)), max(2, round(height / 5)))


def _faces(told: Mapping[str, Any], person: Mapping[str, Any]) -> list[list[float]]:
    """The boxes of a person's face that are known; not those of a stage's proxy, whose confidence is 0."""
    people, number = told["people"], person["number"]
    found = [*people.get("faces", ())[number : number + 1]]
    found += [one["face"] for one in people.get("persons", ())[number : number + 1] if "face" in one]
    parts = [*found, *person["features"].values()]
    return [part["box"] for part in parts if "box" in part and part.get("confidence", 1)]


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
        _leader(pen, place, np.array(person["box"]), colour_of(person), scale)
    for person, lines, place in zip(persons, texts, places, strict=True):
        label(pen, lines, place, colour_of(person), scale)
    return (
        []
        if texts != _texts(persons, 0)
        else [(document.legend(one), WHITE) for one in persons if document.answered(one)]
    )


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
    return texts, labels.place([size_of(lines, scale) for lines in texts], bodies, avoided, extent)


def size_of(lines: Sequence[str], scale: Scale) -> tuple[int, int]:
    """Width and height of a label."""
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


def label(pen: ImageDraw.ImageDraw, lines: Sequence[str], place: labels.Boxes, colour: str, scale: Scale) -> None:
    """Draws a label at ``place`` (4,)."""
    x1, y1, x2, y2 = (round(float(side)) for side in place)
    ink = legible(colour)
    pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colour, outline=ink)
    for number, line in enumerate(lines):
        pen.text((x1 + scale.pad, y1 + scale.pad + number * line_height(scale.font)), line, fill=ink, font=scale.font)


def below(picture: Image.Image, texts: Sequence[tuple[str, str]], scale: Scale) -> Image.Image:
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


def colour_of(person: Mapping[str, Any]) -> str:
    """Everybody's own, until there are more people than colours."""
    return COLOURS[int(person["number"]) % len(COLOURS)]
