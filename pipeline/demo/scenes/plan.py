"""What each scene shows and how it is annotated, drawn from seeds without painting anything.

Every scene has separate random streams for its layout (size, boxes, names), for its emotions, for its paint and for the
companions of categories, so nothing that a file's name, size, order or box tells can depend on a label, and no pixel on
a companion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np

from pipeline.demo.scenes import design
from pipeline.demo.scenes.companions import companions

FOLDERS: Final = ("mscoco/images", "framesdb/images", "emodb_small/images", "ade20k/images")
SIZES: Final = ((256, 192), (288, 200), (240, 192))
SPLITS: Final = (("train", 0.60), ("val", 0.15), ("test", 0.25))
_GENDERS: Final = ("Male", "Female")
_AGES: Final = ("Kid", "Teenager", "Adult")


class Stream(IntEnum):
    """The independent random streams of one scene."""

    LAYOUT = 0
    EMOTION = 1
    PAINT = 2
    COMPANIONS = 3


@dataclass(frozen=True)
class PersonPlan:
    """One person: box (x1, y1, x2, y2) in whole pixels, posture, and what the annotators say.

    emotion is what posture and scene were drawn from, label the class after label noise. annotators holds one
    (categories, (v, a, d)) per annotator; categories and vad (1..10) are what they amount to together.
    """

    box: tuple[int, int, int, int]
    posture: str
    emotion: str
    label: str
    categories: tuple[str, ...]
    vad: tuple[int, int, int]
    annotators: tuple[tuple[tuple[str, ...], tuple[int, int, int]], ...]
    gender: str
    age: str


@dataclass(frozen=True)
class ScenePlan:
    """One image: size (width, height) in pixels, its file, split, place, light, object names and persons."""

    seed: int
    index: int
    size: tuple[int, int]
    folder: str
    filename: str
    split: str
    place: str
    light: str
    objects: tuple[str, ...]
    persons: tuple[PersonPlan, ...]


def random_stream(seed: int, index: int, stream: Stream) -> np.random.Generator:
    """The generator of one stream of one scene; the same on every machine."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, int(stream)])))


def plan_scene(seed: int, index: int) -> ScenePlan:
    """Scene `index` of `seed`, without its pixels."""
    layout = random_stream(seed, index, Stream.LAYOUT)
    size = SIZES[int(layout.integers(len(SIZES)))]
    folder = FOLDERS[int(layout.integers(len(FOLDERS)))]
    filename = "".join(f"{value:02x}" for value in layout.integers(0, 256, 8)) + ".jpg"
    split = _split(float(layout.random()))
    boxes = _boxes(layout, size)
    who = [(_one(layout, _GENDERS), _one(layout, _AGES)) for _ in boxes]
    rng, beside = (random_stream(seed, index, stream) for stream in (Stream.EMOTION, Stream.COMPANIONS))
    scene_emotion = _emotion(rng)
    place = _carrier(rng, scene_emotion.places, design.PLACES, design.PREFER_PLACE)
    objects = _objects(rng, scene_emotion)
    light = _one(rng, design.LIGHTS)
    persons = tuple(
        _person(rng, box, scene_emotion, k, *identity) for k, (box, identity) in enumerate(zip(boxes, who, strict=True))
    )
    persons = tuple(_accompanied(beside, person, place) for person in persons)
    return ScenePlan(seed, index, size, folder, filename, split, place, light, objects, persons)


def plan_scenes(scenes: int, seed: int) -> list[ScenePlan]:
    """The plans of a whole demo dataset in file order; no scenes give an empty list."""
    return [plan_scene(seed, index) for index in range(scenes)]


def _one(rng: np.random.Generator, values: Sequence[str]) -> str:
    return values[int(rng.integers(len(values)))]


def _split(value: float) -> str:
    for name, share in SPLITS:
        value -= share
        if value < 0:
            return name
    return SPLITS[-1][0]


def _boxes(rng: np.random.Generator, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """One or two upright boxes side by side, well inside the image, in random order."""
    width, height = size
    count = 2 if rng.random() < 0.28 else 1
    boxes = []
    for slot in range(count):
        tall = float(rng.uniform(0.66, 0.94)) * (height - 6)
        wide = tall * float(rng.uniform(0.52, 0.64))
        low, high = width * slot / count + 2, width * (slot + 1) / count - wide - 2
        left = low + float(rng.random()) * max(0.0, high - low)
        top = 3 + float(rng.random()) * (height - 6 - tall)
        right = min(left + wide, width * (slot + 1) / count - 1)
        boxes.append((round(left), round(top), round(right), round(top + tall)))
    return boxes[::-1] if rng.random() < 0.5 else boxes


def _emotion(rng: np.random.Generator) -> design.Emotion:
    edges = np.cumsum([emotion.share for emotion in design.EMOTIONS])
    return design.EMOTIONS[int(np.searchsorted(edges, float(rng.random()) * edges[-1], side="right"))]


def _carrier(rng: np.random.Generator, preferred: Sequence[str], values: Sequence[str], chance: float) -> str:
    prefers, second, other = rng.random(3)
    if prefers < chance:
        return preferred[int(second < design.SECOND)]
    return values[int(other * len(values))]


def _objects(rng: np.random.Generator, emotion: design.Emotion) -> tuple[str, ...]:
    """Two or three objects of one set, and none to two from anywhere."""
    names = [str(number) for number in range(len(design.SURROUNDINGS))]
    preferred = str(emotion.surroundings)
    chosen = design.SURROUNDINGS[int(_carrier(rng, (preferred, preferred), names, design.PREFER_SURROUNDINGS))]
    order = rng.permutation(len(chosen))[: 2 + int(rng.random() < 0.6)]
    distractors = [name for group in design.SURROUNDINGS for name in group]
    extra = [_one(rng, distractors) for _ in range(int(rng.random() < 0.45) + int(rng.random() < 0.15))]
    return tuple(chosen[int(i)] for i in order) + tuple(extra)


def _person(
    rng: np.random.Generator, box: tuple[int, int, int, int], scene: design.Emotion, k: int, gender: str, age: str
) -> PersonPlan:
    alone = _emotion(rng)
    emotion = scene if k == 0 or rng.random() < design.SAME_EMOTION else alone
    posture = _carrier(rng, emotion.postures, design.POSTURES, design.PREFER_POSTURE)
    other = _emotion(rng)
    label = other if rng.random() < design.LABEL_NOISE else emotion
    categories = _categories(rng, label)
    vad = tuple(int(np.clip(np.rint(mean + rng.normal(0, 1.1)), 1, 10)) for mean in label.vad)
    assert len(vad) == 3
    annotators = _annotators(rng, categories, vad)
    return PersonPlan(box, posture, emotion.name, label.name, categories, vad, annotators, gender, age)


def _categories(rng: np.random.Generator, label: design.Emotion) -> tuple[str, ...]:
    """One to three categories of which most belong to the label's class, in alphabetical order."""
    own = [label.categories[int(i)] for i in rng.permutation(len(label.categories))]
    chosen = own[: 1 + int(rng.integers(3))]
    strangers = [c for e in design.EMOTIONS if e.seen and e.name != label.name for c in e.categories]
    stranger = _one(rng, strangers)
    if label.seen and len(chosen) == 2 and rng.random() < 0.35:
        chosen = [*chosen, stranger]
    return tuple(sorted(chosen))


def _accompanied(rng: np.random.Generator, person: PersonPlan, place: str) -> PersonPlan:
    """With companions among the categories; the first annotator names all of them."""
    label = next(one for one in design.EMOTIONS if one.name == person.label)
    beside = companions(rng, person.categories, label, place)
    annotators = tuple(
        (tuple(sorted([*told, *(c for c in beside if number == 0 or rng.random() < 0.6)])), vad)
        for number, (told, vad) in enumerate(person.annotators)
    )
    return replace(person, categories=tuple(sorted([*person.categories, *beside])), annotators=annotators)


def _annotators(
    rng: np.random.Generator, categories: tuple[str, ...], vad: tuple[int, int, int]
) -> tuple[tuple[tuple[str, ...], tuple[int, int, int]], ...]:
    """Two or three opinions whose union is `categories` and whose mean is `vad`."""
    count = 2 + int(rng.integers(2))
    spread = [int(rng.integers(2)) if 1 < value < 10 else 0 for value in vad]
    signs = (-1, 1) if count == 2 else (-1, 0, 1)
    opinions = []
    for number, sign in enumerate(signs):
        told = categories if number == 0 else tuple(c for c in categories if rng.random() < 0.6) or categories[:1]
        v, a, d = (value + sign * step for value, step in zip(vad, spread, strict=True))
        opinions.append((told, (v, a, d)))
    return tuple(opinions)
