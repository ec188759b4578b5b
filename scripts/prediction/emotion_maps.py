"""The emotion maps over the photograph: a picture for each of the few emotions that are said of somebody in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from scripts.prediction import document, draw, figures, heat
from scripts.prediction.colours import WHITE, legible
from scripts.prediction.crowd import EmotionMaps
from scripts.prediction.lettering import line_height

MOST = 6
"""Emotions in a picture."""
FEW = 3
"""The strongest, where no emotion is said of anybody."""
SIDE = 640
"""Pixels of the longer side of a map's picture, at most."""
COLUMNS = 3


def told(maps: EmotionMaps, persons: Sequence[Mapping[str, Any]], picture: str) -> dict[str, Any]:
    """For JSON. persons: as of ``Model.look``. picture: the file's name. ``emotions``: those that are said of somebody,
    the greatest share first; where none is, those whose maps reach highest, and ``said`` is false. ``greatest``: the
    highest value among the maps that are drawn."""
    said = _said(persons)
    highest = maps.values.max((1, 2))
    names = said[:MOST] or [maps.names[at] for at in np.argsort(-highest, kind="stable")[:FEW].tolist()]
    greatest = max(float(highest[list(maps.names).index(name)]) for name in names)
    return {
        "picture": picture,
        "form": maps.form,
        "emotions": names,
        "said": bool(said),
        "left_out": said[MOST:],
        "greatest": round(greatest, 4),
    }


def _said(persons: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names, the greatest share of somebody of whom it is said first."""
    shares: dict[str, float] = {}
    for person in persons:
        emotions: Mapping[str, float] = next(iter(person["emotions"].values())) if person["emotions"] else {}
        strongest = max(emotions, key=lambda name: emotions[name]) if emotions else None
        for name in person.get("named", [strongest] if strongest else []):
            shares[name] = max(shares.get(name, 0.0), emotions[name])
    return sorted(shares, key=lambda name: -shares[name])


def picture(image: Image.Image, whole: Mapping[str, Any], maps: EmotionMaps) -> Image.Image:
    """whole: the JSON of the photograph, with ``maps`` as of ``told``. All maps have one scale, from 0 (dark) on."""
    about, names = whole["maps"], list(maps.names)
    panels = [_panel(image, whole["persons"], maps, names.index(name), about["greatest"]) for name in about["emotions"]]
    wide, high = panels[0].size
    columns = min(COLUMNS, len(panels))
    out = Image.new("RGB", (columns * wide, -(-len(panels) // columns) * high), draw.STRIP)
    for place, panel in enumerate(panels):
        out.paste(panel, (place % columns * wide, place // columns * high))
    lines = [(document.caption(whole), WHITE), *((line, WHITE) for line in sentences(about))]
    return draw.below(
        out, [*lines, *((line, draw.WARNING) for line in document.warnings(whole))], draw.scale_of((wide, high))
    )


def sentences(about: Mapping[str, Any]) -> list[str]:
    """What is drawn. about: of ``told``."""
    found = [f"Emotion maps, {about['form']}: from 0 (dark) to {about['greatest']:.2f} (light)."]
    found += [] if about["said"] else ["No emotion is said of anybody: those whose maps reach highest are drawn."]
    return found + ([f"Said too: {', '.join(about['left_out'])}."] if about["left_out"] else [])


def _panel(
    image: Image.Image, persons: Sequence[Mapping[str, Any]], maps: EmotionMaps, at: int, greatest: float
) -> Image.Image:
    """The map number ``at`` over the photograph, with its name, everybody's box and number."""
    out = image.convert("RGB")
    out.thumbnail((SIDE, SIDE))
    by = np.tile([out.width / image.width, out.height / image.height], 2)
    heat.lay(heat.coloured(maps.values[at], out.size, (0.0, greatest)), out)
    scale, pen = draw.scale_of(out.size), ImageDraw.Draw(out)
    for person in persons:
        box, colour = (np.array(person["box"]) * by).tolist(), draw.colour_of(person)
        figures.outline(pen, box, colour, scale.line)
        pen.text(
            (box[0] + 2 * scale.line, box[1] + 2 * scale.line),
            str(person["number"]),
            fill=colour,
            font=scale.font,
            stroke_width=1,
            stroke_fill=legible(colour),
        )
    name = f"{maps.names[at]}, at most {maps.values[at].max():.2f}"
    bar = line_height(scale.font) + 2 * scale.pad
    titled = Image.new("RGB", (out.width, out.height + bar), draw.STRIP)
    titled.paste(out, (0, bar))
    ImageDraw.Draw(titled).text((scale.pad, scale.pad), name, fill=WHITE, font=scale.font)
    return titled
