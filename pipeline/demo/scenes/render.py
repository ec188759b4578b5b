"""Paint a planned scene: place, objects, persons, then light and camera noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.scenes.canvas import Canvas, smooth_noise
from pipeline.demo.scenes.figures import paint_figure
from pipeline.demo.scenes.objects import RAISED, paint_object
from pipeline.demo.scenes.places import paint_place
from pipeline.demo.scenes.plan import PersonPlan, ScenePlan, Stream, plan_scene, random_stream

Box = tuple[int, int, int, int]
TINTS: Final[dict[str, tuple[float, float, float]]] = {
    "bright": (1.04, 1.04, 1.02),
    "warm": (1.05, 0.92, 0.76),
    "dim": (0.62, 0.64, 0.68),
    "cold": (0.80, 0.92, 1.06),
}


@dataclass(frozen=True)
class Person:
    """plan, and the joints (14, 2) float32 in image pixels, in the order of figures.JOINTS."""

    plan: PersonPlan
    joints: NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """plan, image (h, w, 3) uint8 RGB, label_map (h, w) uint8 of 0-based ADE20K classes (255: none), persons."""

    plan: ScenePlan
    image: NDArray[np.uint8]
    label_map: NDArray[np.uint8]
    persons: tuple[Person, ...]


def render(plan: ScenePlan) -> Scene:
    """The pixels of a plan; the same plan gives the same pixels."""
    rng = random_stream(plan.seed, plan.index, Stream.PAINT)
    canvas = Canvas.blank(*plan.size)
    paint_place(canvas, plan.place, rng)
    taken = [one.box for one in plan.persons]
    for name in plan.objects:
        x, y, size = _spot(plan.size, name, taken, rng)
        taken.append((round(x - size / 2), round(y - size / 2), round(x + size / 2), round(y + size / 2)))
        flip = -1.0 if rng.random() < 0.5 else 1.0
        paint_object(canvas.at(x, y, (flip * size, size)), name, rng)
    persons = tuple(Person(one, paint_figure(canvas, one.box, one.posture, rng)) for one in plan.persons)
    image, label_map = canvas.finished()
    return Scene(plan, _photograph(image, plan.light, rng), label_map, persons)


def scene(seed: int, index: int) -> Scene:
    """Scene `index` of `seed`, painted."""
    return render(plan_scene(seed, index))


def scenes(seed: int, start: int, stop: int) -> Iterator[Scene]:
    """Scenes start..stop-1 of `seed`, painted one by one."""
    return (scene(seed, index) for index in range(start, stop))


def _spot(frame: tuple[int, int], name: str, taken: list[Box], rng: np.random.Generator) -> tuple[float, float, float]:
    """Centre and size in pixels of an object: of some tries, the one that shares least with what is there."""
    width, height = frame
    size = float(rng.uniform(26, 48))
    low, high = (0.12, 0.5) if name in RAISED else (0.5, 0.9)
    tries = []
    for _ in range(16):
        x = float(rng.uniform(size / 2, width - size / 2))
        y = float(np.clip(rng.uniform(low, high) * height, size / 2, height - size / 2))
        tries.append((sum(_overlap(x, y, size, box) for box in taken), x, y))
    _, x, y = min(tries)
    return x, y, size


def _overlap(x: float, y: float, size: float, box: Box) -> float:
    """Share of the object's square that lies in the box, 0..1."""
    across = min(x + size / 2, box[2]) - max(x - size / 2, box[0])
    down = min(y + size / 2, box[3]) - max(y - size / 2, box[1])
    return max(0.0, across) * max(0.0, down) / size**2


def _photograph(image: NDArray[np.uint8], light: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Tint, uneven light, blur and sensor noise."""
    height, width = image.shape[:2]
    tint = np.asarray(TINTS[light], np.float32) * np.float32(rng.uniform(0.9, 1.1))
    uneven = 1 + 0.16 * smooth_noise(rng, height, width, 120)
    lit = image.astype(np.float32) * tint * uneven[..., None]
    blur = float(rng.uniform(0.0, 0.8))
    if blur > 0.3:
        lit = np.asarray(cv2.GaussianBlur(lit, (5, 5), blur), np.float32)
    lit += rng.normal(0, float(rng.uniform(2, 7)), image.shape).astype(np.float32)
    return np.asarray(np.clip(np.rint(lit), 0, 255), np.uint8)
