"""The emotion maps over the photograph: a picture for each of the few emotions that are said of somebody in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from scripts.prediction import document, draw, figures, heat
from scripts.prediction.colours import WHITE
from scripts.prediction.crowd import EmotionMaps
from scripts.prediction.lettering import line_height

MOST = 6
"""Emotions in a picture."""
FEW = 3
"""The likeliest, where no emotion is said of anybody."""
SIDE = 480
"""Pixels of the longer side of each map's picture."""
COLUMNS, GAP = 3, 6

Person = Mapping[str, Any]
"""As of ``Model.look``: ``number``, ``box``, ``emotions``, ``named``."""


def told(maps: EmotionMaps, persons: Sequence[Person], picture: str, most: int = MOST) -> dict[str, Any]:
    """For JSON. picture: the file's name. most: emotions that are drawn. ``emotions``: those that are said of somebody,
    the greatest share first; where none is, ``said`` is false and they are the likeliest, or, without people, those
    whose maps reach highest. ``greatest``: the highest value among the maps that are drawn."""
    highest = dict(zip(maps.names, maps.values.max((1, 2)).tolist(), strict=True))
    said, shares = _said(persons), _shares(persons) or highest
    names = said[:most] or sorted(shares, key=lambda name: -shares[name])[:FEW]
    return {
        "picture": picture,
        "form": maps.form,
        "emotions": names,
        "said": bool(said),
        "left_out": said[most:],
        "greatest": round(max(highest[name] for name in names), 4),
    }


def _said(persons: Sequence[Person]) -> list[str]:
    """Names, the greatest share of somebody of whom it is said first."""
    shares: dict[str, float] = {}
    for person in persons:
        mine = _shares([person])
        strongest = [max(mine, key=lambda name: mine[name])] if mine else []
        for name in person.get("named", strongest):
            shares[name] = max(shares.get(name, 0.0), mine[name])
    return sorted(shares, key=lambda name: -shares[name])


def _shares(persons: Sequence[Person]) -> dict[str, float]:
    """The greatest of somebody, by emotion; none of people without an answer."""
    found: dict[str, float] = {}
    for person in persons:
        for name, share in next(iter((person["emotions"] or {}).values()), {}).items():
            found[name] = max(found.get(name, 0.0), share)
    return found


def picture(image: Image.Image, whole: Mapping[str, Any], maps: EmotionMaps) -> Image.Image:
    """whole: the JSON of the photograph, with ``maps`` as of ``told``."""
    every = [_titled(panel, text) for text, panel in panels(image, whole["persons"], maps, whole["maps"], SIDE)]
    wide, high = every[0].width + GAP, every[0].height + GAP
    columns = min(COLUMNS, len(every))
    out = Image.new("RGB", (columns * wide - GAP, -(-len(every) // columns) * high - GAP), draw.STRIP)
    for place, panel in enumerate(every):
        out.paste(panel, (place % columns * wide, place // columns * high))
    lines = [document.caption(whole), *sentences(whole["maps"])]
    inks = [*((line, WHITE) for line in lines), *((line, draw.WARNING) for line in document.warnings(whole))]
    return draw.below(out, inks, draw.scale_of(every[0].size))


def sentences(about: Mapping[str, Any]) -> list[str]:
    """What is drawn. about: of ``told``."""
    found = [f"Emotion maps, {about['form']}: from 0 (dark) to {about['greatest']:.2f} (light)."]
    found += [] if about["said"] else ["No emotion is said of anybody: the likeliest are drawn."]
    return found + ([f"Said too: {', '.join(about['left_out'])}."] if about["left_out"] else [])


def panels(
    image: Image.Image, persons: Sequence[Person], maps: EmotionMaps, about: Mapping[str, Any], side: int
) -> list[tuple[str, Image.Image]]:
    """The maps of ``about``, of ``told``, over the photograph, each with a line that names it, everybody's box and
    number. All have one scale, from 0 (dark) on. side: as of ``sized``."""
    found = []
    for name in about["emotions"]:
        values = maps.values[list(maps.names).index(name)]
        out = sized(image, side)
        heat.lay(heat.coloured(values, out.size, (0.0, about["greatest"])), out)
        found.append((f"{name}, at most {values.max():.2f}", numbered(out, image.size, persons)))
    return found


def sized(image: Image.Image, side: int) -> Image.Image:
    """A copy whose longer side has ``side`` pixels."""
    by = side / max(image.size)
    size = max(1, round(image.width * by)), max(1, round(image.height * by))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def numbered(out: Image.Image, size: tuple[int, int], persons: Sequence[Person]) -> Image.Image:
    """Draws everybody's box and number onto ``out``, a copy of a photograph that had ``size``."""
    by = np.tile([out.width / size[0], out.height / size[1]], 2)
    scale, pen = draw.scale_of(out.size), ImageDraw.Draw(out)
    for person in persons:
        box, colour, words = np.array(person["box"]) * by, draw.colour_of(person), [str(person["number"])]
        figures.outline(pen, box.tolist(), colour, scale.line)
        draw.label(pen, words, np.array([*box[:2], *(box[:2] + draw.size_of(words, scale))]), colour, scale)
    return out


def _titled(panel: Image.Image, text: str) -> Image.Image:
    scale = draw.scale_of(panel.size)
    high = line_height(scale.font) + 2 * scale.pad
    out = Image.new("RGB", (panel.width, panel.height + high), draw.STRIP)
    out.paste(panel, (0, high))
    ImageDraw.Draw(out).text((scale.pad, scale.pad), text, fill=WHITE, font=scale.font)
    return out
