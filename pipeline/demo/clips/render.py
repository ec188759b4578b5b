"""Paint a planned clip: a place that stays, people who move in it, light and camera noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.clips import causes
from pipeline.demo.clips.movement import ASPECT, gestures, joints, path
from pipeline.demo.clips.plan import SIZE, ClipPlan, PersonPlan, Stream, random_stream
from pipeline.demo.scenes.canvas import Canvas, Colour, shade, smooth_noise, vary
from pipeline.demo.scenes.faces import Head, draw_head, set_head
from pipeline.demo.scenes.figures import HEAD_RADIUS, JOINTS, SKINS, arms, legs, torso
from pipeline.demo.scenes.objects import RAISED, paint_object
from pipeline.demo.scenes.places import paint_place
from pipeline.demo.scenes.render import TINTS

SHIRTS: Final[dict[str, Colour]] = {
    "warm": (206, 74, 54),
    "green": (72, 158, 84),
    "cold": (62, 98, 200),
    "dark": (62, 58, 62),
}
_GRAIN: Final = 24
"""Pixels by which the pattern of camera noise moves from frame to frame at most."""


@dataclass(frozen=True)
class Figure:
    """One person's clothes and head, and the joints in each frame: (frames, 14, 2) pixels, in figures.JOINTS' order."""

    height: float
    skin: Colour
    shirt: Colour
    striped: bool
    trousers: Colour
    long_sleeves: bool
    head: Head
    joints: NDArray[np.float64]


def figures(plan: ClipPlan) -> tuple[Figure, ...]:
    """The people of a plan, in its order."""
    rng = random_stream(plan.seed, plan.index, Stream.PAINT)
    return tuple(_figure(person, plan.frames, rng) for person in plan.persons)


def render(plan: ClipPlan, people: tuple[Figure, ...]) -> Iterator[NDArray[np.uint8]]:
    """The frames, (h, w, 3) uint8 RGB each; the same plan gives the same pixels."""
    rng = random_stream(plan.seed, plan.index, Stream.PLACE)
    background = Canvas.blank(*SIZE)
    paint_place(background, plan.place, rng)
    for name in plan.objects:
        _object(background, name, rng)
    width, height = SIZE
    light = np.asarray(TINTS[plan.light], np.float32) * np.float32(rng.uniform(0.9, 1.1))
    light = light * (1 + 0.14 * smooth_noise(rng, height, width, 120))[..., None]
    noise = rng.normal(0, float(rng.uniform(1.5, 4)), (height + _GRAIN, width + _GRAIN, 3)).astype(np.float32)
    for number in range(plan.frames):
        canvas = Canvas(background.image.copy(), background.labels)
        for figure in people:
            _paint(canvas, figure, number)
        image, _ = canvas.finished()
        x, y = (int(value) for value in rng.integers(0, _GRAIN, 2))
        lit = image * light + noise[y : y + height, x : x + width]
        yield np.asarray(np.clip(np.rint(lit), 0, 255), np.uint8)


def _figure(person: PersonPlan, frames: int, rng: np.random.Generator) -> Figure:
    skin = vary(rng, SKINS[int(rng.integers(len(SKINS)))], 10)
    shirt = vary(rng, SHIRTS[causes.APPEARANCES[person.appearance]], 32)
    trousers = vary(rng, shade(shirt, 0.6), 32)
    striped = causes.APPEARANCES[person.appearance] in causes.STRIPED
    size = np.array([ASPECT * person.height, person.height])
    corner = path(person, frames, rng) - size / 2
    shares = np.stack([joints(gesture) for gesture in gestures(person, frames, rng)])
    places = corner[:, None] + shares * size
    return Figure(person.height, skin, shirt, striped, trousers, bool(rng.random() < 0.5), draw_head(skin, rng), places)


def _object(canvas: Canvas, name: str, rng: np.random.Generator) -> None:
    size = float(rng.uniform(22, 40))
    low, high = (0.12, 0.45) if name in RAISED else (0.6, 0.9)
    x, y = float(rng.uniform(size, SIZE[0] - size)), float(rng.uniform(low, high)) * SIZE[1]
    paint_object(canvas.at(x, y, size), name, rng)


def _paint(canvas: Canvas, figure: Figure, number: int) -> None:
    """The figure in one frame, as far as it is in the picture."""
    places = figure.joints[number]
    size = np.array([ASPECT * figure.height, figure.height])
    # The frame of the strokes: its middle is that of the feet, which they are turned out from.
    corner = (places[[JOINTS.index("right_ankle"), JOINTS.index("left_ankle")]].mean(0) - (0.5, 0.95) * size).tolist()
    shares = (places - corner) / size
    at = {name: (float(x), float(y)) for name, (x, y) in zip(JOINTS, shares, strict=True)}
    frame = canvas.at(corner[0], corner[1], (float(size[0]), float(size[1])))
    legs(frame, at, figure.trousers)
    torso(frame, at, figure.shirt, figure.skin)
    if figure.striped:
        _stripes(frame, at, shade(figure.shirt, 1.9))
    arms(frame, at, figure.shirt, figure.skin, figure.long_sleeves)
    _head(canvas, figure, places[JOINTS.index("head")])


def _stripes(frame: Canvas, at: dict[str, tuple[float, float]], colour: Colour) -> None:
    """Across the shirt, from side to side."""
    sides = [(np.array(at[f"{side}_shoulder"]), np.array(at[f"{side}_hip"])) for side in ("right", "left")]
    for share in (0.08, 0.3, 0.52, 0.74):
        ends = [tuple((top + share * (bottom - top)).tolist()) for top, bottom in sides]
        frame.line(ends, 0.028, colour)


def _head(canvas: Canvas, figure: Figure, centre: NDArray[np.float64]) -> None:
    """Set onto the part of the canvas around it: a whole canvas takes ten times as long."""
    radius = HEAD_RADIUS * figure.height
    low = np.clip(np.floor(centre - 1.4 * radius), 0, SIZE).astype(int)
    high = np.clip(np.ceil(centre + 1.4 * radius), 0, SIZE).astype(int)
    if (high > low).all():
        part = canvas.window((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
        set_head(part, (float(centre[0] - low[0]), float(centre[1] - low[1])), radius, 0.0, figure.head)
