"""What each clip shows and how it is annotated, drawn from seeds without painting anything.

As in the scenes, separate random streams for layout, causes and annotation keep file names, sizes, lengths and spans
free of any label.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from pipeline.demo.clips import causes
from pipeline.demo.scenes import design

SIZE: Final = (240, 180)
"""Width and height of every clip, in pixels."""
FRAMES: Final = (26, 38)
"""Least and most frames of a clip."""
RATE: Final = 25
FILM: Final = 2
"""Clips that are cut from one film, and so are in one split."""
TWO_PEOPLE: Final = 0.25
CUT_SPAN: Final = 0.25
"""How often a person's annotated frames leave out some of the clip's first or last ones."""
_GENDERS: Final = ("Male", "Female")
_AGES: Final = ("Kid", "Teenager", "Adult")


class Stream(IntEnum):
    """The independent random streams of one clip."""

    LAYOUT = 0
    CAUSES = 1
    PAINT = 2
    ANNOTATION = 3
    TRACK = 4
    FILM = 5
    PLACE = 6


@dataclass(frozen=True)
class PersonPlan:
    """One person: the numbers of the three causes' values, where the figure is, and what the annotators say.

    appearance, motion, pose: numbers in causes.VALUES. height: of the figure, in pixels. centre: the middle of its
    path, (x, y) in pixels. span: first and last annotated frame. confidences: 26 shares of annotators. vad: 1..10.
    """

    appearance: int
    motion: int
    pose: int
    height: float
    centre: tuple[float, float]
    span: tuple[int, int]
    confidences: tuple[float, ...]
    vad: tuple[float, float, float]
    gender: str
    age: str


@dataclass(frozen=True)
class ClipPlan:
    """One clip: its file below `videos`, split, number of frames, number of its first frame in the film, persons."""

    seed: int
    index: int
    path: str
    split: str
    frames: int
    start: int
    place: str
    objects: tuple[str, ...]
    light: str
    persons: tuple[PersonPlan, ...]


def random_stream(seed: int, index: int, stream: Stream) -> np.random.Generator:
    """The generator of one stream of one clip; the same on every machine."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, 1000 + int(stream)])))


def plan_clip(seed: int, index: int) -> ClipPlan:
    """Clip `index` of `seed`, without its pixels."""
    film = random_stream(seed, index // FILM, Stream.FILM)
    name = "".join(f"{value:02x}" for value in film.integers(0, 256, 6))
    layout, drawn, told = (random_stream(seed, index, s) for s in (Stream.LAYOUT, Stream.CAUSES, Stream.ANNOTATION))
    frames = int(layout.integers(FRAMES[0], FRAMES[1] + 1))
    count = 2 if layout.random() < TWO_PEOPLE else 1
    anywhere, light = _one(layout, design.PLACES), _one(layout, design.LIGHTS)
    things = [thing for group in design.SURROUNDINGS for thing in group]
    objects = tuple(_one(layout, things) for _ in range(int(layout.integers(1, 4))))
    persons = tuple(_person(layout, drawn, told, frames, slot, count) for slot in range(count))
    homes = causes.HOMES[causes.APPEARANCES[persons[0].appearance]]
    place = _one(drawn, homes) if drawn.random() < causes.AT_HOME else anywhere
    path = f"{index // 100:03d}/{name}.mp4/{index % FILM:04d}.mp4"
    split = _split(index // FILM)
    return ClipPlan(seed, index, path, split, frames, int(layout.integers(0, 5000)), place, objects, light, persons)


def plan_clips(clips: int, seed: int) -> list[ClipPlan]:
    """The plans of a whole demo dataset in file order; no clips give an empty list."""
    return [plan_clip(seed, index) for index in range(clips)]


def _one(rng: np.random.Generator, values: tuple[str, ...] | list[str]) -> str:
    return values[int(rng.integers(len(values)))]


def _split(film: int) -> str:
    """Of 25 films one is in test, of the others every third in val: nobody can be judged on test."""
    return "test" if film % 25 == 2 else "val" if film % 3 == 1 else "train"


def _person(
    layout: np.random.Generator,
    drawn: np.random.Generator,
    told: np.random.Generator,
    frames: int,
    slot: int,
    count: int,
) -> PersonPlan:
    width, height = SIZE
    tall = float(layout.uniform(0.60, 0.86) if count == 1 else layout.uniform(0.52, 0.70)) * height
    middle = width * (slot + 0.5) / count
    x = float(layout.uniform(-0.16, 0.16) if count == 1 else layout.uniform(-0.05, 0.05)) * width + middle
    # Some stand so low that their feet are out of the picture.
    y = float(layout.uniform(0.44, 0.58)) * height
    span = (0, frames - 1)
    if layout.random() < CUT_SPAN:
        span = (int(layout.integers(0, 4)), frames - 1 - int(layout.integers(0, 4)))
    values = {cause: int(drawn.integers(len(causes.VALUES[cause]))) for cause in causes.CAUSES}
    return PersonPlan(
        **values,
        height=tall,
        centre=(x, y),
        span=span,
        confidences=_confidences(told, values),
        vad=_vad(told, values),
        gender=_one(layout, _GENDERS),
        age=_one(layout, _AGES),
    )


def _confidences(rng: np.random.Generator, values: dict[str, int]) -> tuple[float, ...]:
    """The share of the annotators who name each category."""
    found = []
    for category in causes.CATEGORIES:
        shown = (values[category.cause] in category.values) != (rng.random() < causes.FLIPPED)
        votes = int(rng.binomial(causes.ANNOTATORS, causes.SEES if shown else causes.IMAGINES))
        found.append(votes / causes.ANNOTATORS)
    return tuple(found)


def _vad(rng: np.random.Generator, values: dict[str, int]) -> tuple[float, float, float]:
    told = []
    for parts in causes.DIMENSIONS.values():
        mean = causes.MIDDLE + sum(shift[values[cause]] for cause, shift in parts.items())
        told.append(round(float(np.clip(mean + rng.normal(0, causes.DIMENSION_NOISE), *causes.SCALE)), 3))
    v, a, d = told
    return v, a, d
