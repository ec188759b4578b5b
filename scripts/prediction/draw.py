"""The annotated picture: boxes, the strongest emotions, faces and joints."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000")
LEAST_JOINT = 0.3
"""Score below which a joint is not drawn."""


def draw(image: Image.Image, persons: list[Mapping[str, Any]], untrained: Sequence[str]) -> Image.Image:
    """A copy of ``image`` with what is in ``persons`` (as in the JSON) drawn on it, and below which features no trained
    network made."""
    out = image.convert("RGB")
    pen = ImageDraw.Draw(out)
    unit = max(out.size) / 640
    font = ImageFont.load_default(size=max(10, round(13 * unit)))
    for number, person in enumerate(persons):
        colour = COLOURS[number % len(COLOURS)]
        x1, y1, x2, y2 = person["box"]
        pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=max(1, round(2 * unit)))
        for box in (part["box"] for part in person["features"].values() if "box" in part):
            pen.rectangle(tuple(box), outline=colour, width=max(1, round(unit)))
        for part in person["features"].values():
            for x, y, score in part.get("joints", ()):
                if score >= LEAST_JOINT:
                    pen.ellipse((x - 2 * unit, y - 2 * unit, x + 2 * unit, y + 2 * unit), fill=colour)
        _label(pen, (x1, y1), _text(person), colour, font)
    if untrained:
        _label(pen, (0, out.height), f"UNTRAINED: {', '.join(untrained)}", "#000000", font)
    return out


def main_answer(person: Mapping[str, Any]) -> Mapping[str, float]:
    """Class -> share, of the first of a person's answers."""
    found: Mapping[str, float] = next(iter(person["emotions"].values()))
    return found


def _text(person: Mapping[str, Any]) -> str:
    if person["emotions"] is None:
        return str(person["reason"]).partition(":")[0]
    best = sorted(main_answer(person).items(), key=lambda pair: -pair[1])[:2]
    return ", ".join(f"{name} {100 * share:.0f}%" for name, share in best)


def _label(pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, colour: str, font: Any) -> None:
    """Above ``corner`` where there is room, else below it."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    x, y = corner[0], max(0.0, corner[1] - (bottom - top) - 4)
    x = max(0.0, min(x, pen.im.size[0] - (right - left) - 4))
    pen.rectangle((x, y, x + right - left + 4, y + bottom - top + 4), fill=colour)
    pen.text((x + 2 - left, y + 2 - top), text, fill="#ffffff", font=font)
