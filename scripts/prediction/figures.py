"""People in a picture: box, silhouette, face, skeleton, each person in one colour with thin edges that stand out."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from scripts.prediction.colours import legible
from scripts.prediction.seen import LEAST_JOINT

Faces = Sequence[Sequence[float]]
"""Boxes of one person's face."""
TINT = 0.18
"""How much of a silhouette's pixels is its colour."""
LIMBS = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11), (8, 12), (12, 13)),
    *((13, 14), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24)),
)
"""Pairs of BODY_25's joints that are joined."""
BODY_25 = 25


def tint(picture: Image.Image, person: Mapping[str, Any], colour: str) -> None:
    """Colour the person's silhouette, where a stage tells one, a little."""
    pieces = [piece for part in person["features"].values() for piece in part.get("outline", ())]
    if not pieces:
        return
    mask = Image.new("L", picture.size)
    pen = ImageDraw.Draw(mask)
    for piece in pieces:
        pen.polygon([(x, y) for x, y in piece], fill=round(255 * TINT))
    picture.paste(colour, mask=mask)


def draw(pen: ImageDraw.ImageDraw, person: Mapping[str, Any], faces: Faces, colour: str, line: int) -> None:
    """All but the label. line: width of the box's lines."""
    parts = list(person["features"].values())
    for piece in (piece for part in parts for piece in part.get("outline", ())):
        _edged(pen, [(x, y) for x, y in [*piece, piece[0]]], colour, max(1, line // 2))
    outline(pen, person["box"], colour, line)
    for box in faces:
        outline(pen, box, colour, max(1, line // 2), around=True)
    for part in parts:
        _skeleton(pen, part.get("joints", ()), colour, line)


def _skeleton(pen: ImageDraw.ImageDraw, joints: Sequence[Sequence[float]], colour: str, line: int) -> None:
    for one, other in LIMBS if len(joints) == BODY_25 else ():
        if min(joints[one][2], joints[other][2]) >= LEAST_JOINT:
            _edged(pen, [(joints[at][0], joints[at][1]) for at in (one, other)], colour, line)
    dot = 1.2 * line
    for x, y, score in joints:
        if score >= LEAST_JOINT:
            pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=colour, outline=legible(colour))


def _edged(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: str, width: int) -> None:
    pen.line(points, fill=legible(colour), width=width + 2, joint="curve")
    pen.line(points, fill=colour, width=width, joint="curve")


def outline(pen: ImageDraw.ImageDraw, box: Sequence[float], colour: str, width: int, around: bool = False) -> None:
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
