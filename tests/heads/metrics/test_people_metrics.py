"""Metrics of images with all their people: boxes against COCO's own code, all by loops, each resample alone."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from cache import plugins
from heads.head import Output
from heads.judged import OVERLAPS
from heads.metric import Metric
from heads.protocols._boxes.matching import match
from heads.protocols._boxes.trial import PeopleTrial
from heads.protocols._images import weights

Array = NDArray[np.float64]
NAMES = ("er", "oer", "pd", "pd_50")
IMAGES, PEOPLE, FOUND, CLASSES, RESAMPLES = 40, 5, 8, 4, 3


def metric(name: str) -> Metric:
    made: Metric = plugins.load("heads.metrics", name, "Metric")()
    return made


class Scene(NamedTuple):
    """boxes: (m, K, 4), NaN where there is nobody. flags: (m, K, C). people: (m, K, C). found: (m, N, 5 + C)."""

    boxes: Array
    flags: NDArray[np.bool_]
    people: Array
    found: Array


def scene(seed: int, images: int = IMAGES, found: int = FOUND) -> Scene:
    """Boxes that were found are shaken ones of people, nobody's, or, with a score of 0, none; one image is empty.
    Scores are of two decimals, so that many are alike."""
    draw = np.random.default_rng(seed)
    low = draw.uniform(0, 300, (images, PEOPLE, 2))
    boxes = np.concatenate([low, low + draw.uniform(20, 200, (images, PEOPLE, 2))], 2)
    boxes[np.arange(PEOPLE) >= draw.integers(1, PEOPLE + 1, images)[:, None]] = np.nan
    boxes[1] = np.nan
    whose = boxes[np.arange(images)[:, None], draw.integers(0, PEOPLE, (images, found))]
    made = np.nan_to_num(whose, nan=50.0) + draw.normal(0, 12, (images, found, 4))
    made[..., 2:] = np.maximum(made[..., 2:], made[..., :2] + 1)
    scores = np.round(draw.random((images, found)), 2) * (draw.random((images, found)) < 0.8)
    flags = draw.random((images, PEOPLE, CLASSES)) < [0.5, 0.2, 0.05, 0]
    logits = np.round(draw.normal(flags, 1), 1)
    told = np.round(draw.normal(0, 1, (images, found, CLASSES)), 1)
    return Scene(boxes, flags, logits, np.concatenate([made, scores[..., None], told], 2))


def trial(one: Scene, resamples: int = RESAMPLES) -> PeopleTrial:
    rows = np.arange(len(one.boxes))
    names = tuple(f"class {at}" for at in range(CLASSES))
    metrics = {name: metric(name) for name in NAMES}
    return PeopleTrial(rows, one.boxes, one.flags, False, rows, names, metrics, None, resamples)


def output(*scenes: Scene) -> Output:
    people, found = (torch.as_tensor(np.stack([getattr(one, word) for one in scenes])) for word in ("people", "found"))
    return Output(people=people, found=found)


# pycocotools 2.0.11, COCOeval of "bbox", stats[0] and stats[1] of ``scene(seed, images, found)``; 400 boxes an image
# are more than COCO's code looks at.
COCO = [
    ((0, 40, 8), (0.09984364572795514, 0.23854156718906588)),
    ((1, 40, 8), (0.09409914612643203, 0.2572076429712643)),
    ((2, 120, 8), (0.08625117139235357, 0.21550865224793725)),
    ((3, 6, 400), (0.15122909896434486, 0.3043030177722264)),
]


@pytest.mark.parametrize(("drawn", "right"), COCO)
def test_boxes_are_judged_as_by_coco(drawn: tuple[int, int, int], right: tuple[float, float]) -> None:
    one = scene(*drawn)
    found = trial(one).scores(output(one))
    np.testing.assert_allclose([found["pd"].seeds[0], found["pd_50"].seeds[0]], right, rtol=1e-9)


def shared(one: Array, other: Array) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    return float(both / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both))


def chosen(found: Array, boxes: Array, least: float) -> dict[int, int]:
    """Of one image: place of a box that was found -> the person it is of."""
    taken: dict[int, int] = {}
    for place in sorted(range(len(found)), key=lambda at: -found[at, 4])[:100]:
        best = least
        for person, box in enumerate(boxes):
            if found[place, 4] <= 0 or np.isnan(box[0]) or person in [who for at, who in taken.items() if at != place]:
                continue
            if (now := shared(found[place], box)) >= best:
                best, taken[place] = now, person
    return taken


def boxes_ap(one: Scene, least: float, counts: Array) -> float:
    """COCO's definition, precision at each recall by itself."""
    finds = []
    for image, (found, boxes) in enumerate(zip(one.found, one.boxes, strict=True)):
        taken = chosen(found, boxes, least)
        places = sorted((at for at in range(len(found)) if found[at, 4] > 0), key=lambda at: -found[at, 4])
        finds += [(found[at, 4], at in taken, counts[image]) for at in places[:100]]
    finds.sort(key=lambda find: -find[0])
    total = sum(count * (~np.isnan(boxes[:, 0])).sum() for count, boxes in zip(counts, one.boxes, strict=True))
    points, hits, all_ = [], 0.0, 0.0
    for _, right, count in finds:
        hits, all_ = hits + count * right, all_ + count
        points.append((hits / total, hits / all_))
    at = [max((p for r, p in points if r >= recall), default=0.0) for recall in np.linspace(0, 1, 101)]
    return sum(at) / 101


def on_the_field(one: Scene, name: int, counts: Array) -> float:
    """Precision among found people at the score of each who is found and in the class, over all who are in it."""
    told, total = [], 0.0
    for image, (found, boxes) in enumerate(zip(one.found, one.boxes, strict=True)):
        finders = {person: at for at, person in chosen(found, boxes, 0.5).items()}
        for person, box in enumerate(boxes):
            if np.isnan(box[0]):
                continue
            right = bool(one.flags[image, person, name])
            total += counts[image] * right
            if person in finders:
                told.append((one.found[image, finders[person], 5 + name], right, counts[image]))
    if not total:
        return math.nan
    gained = 0.0
    for score, right, count in told:
        named = [(yes, weight) for other, yes, weight in told if other >= score]
        gained += right * count * sum(w for yes, w in named if yes) / sum(w for _, w in named)
    return gained / total


def in_boxes(one: Scene, name: int, counts: Array) -> float:
    there = ~np.isnan(one.boxes[..., 0])
    each = np.broadcast_to(counts[:, None], there.shape)[there]
    flags = one.flags[there][:, name]
    told = one.people[there][:, name]
    return float(average_precision_score(flags, told, sample_weight=each)) if flags.any() else math.nan


@pytest.mark.parametrize("seed", range(3))
def test_every_resample_is_what_loops_count(seed: int) -> None:
    first, second = scene(seed), scene(seed)._replace(found=scene(seed + 10).found, people=scene(seed + 20).people)
    judge = trial(first)
    found = judge.scores(output(first, second))
    (drawn,) = weights(judge.images, judge.rows, RESAMPLES)
    for at, one in enumerate((first, second)):
        for number, counts in enumerate([np.ones(IMAGES), *drawn.T]):
            expected = {
                "er": np.nanmean([in_boxes(one, name, counts) for name in range(CLASSES)]),
                "oer": np.nanmean([on_the_field(one, name, counts) for name in range(CLASSES)]),
                "pd": np.mean([boxes_ap(one, least, counts) for least in OVERLAPS]),
                "pd_50": boxes_ap(one, 0.5, counts),
            }
            made = {name: (np.append(x.seeds[at], x.resampled[at]))[number] for name, x in found.items()}
            assert made == pytest.approx(expected, rel=1e-9)
    assert list(found["oer"].classes) == ["class 0", "class 1", "class 2"], "nobody has the last one"


def test_a_person_nobody_found_is_a_false_negative_and_no_more() -> None:
    """By hand: two people of the class, one found; nobody else was found, or somebody who is told higher."""
    square = np.array([0.0, 0.0, 10.0, 10.0])
    boxes = np.stack([square, square + 20, square + 40])[None]
    flags = np.array([[[True], [True], [False]]]).repeat(CLASSES, 2)
    told = ((square, 1.0), (square + 40, 2.0), (square + 60, 9.0))
    mine, other, stray = (np.concatenate([box, [0.9], np.full(CLASSES, x)]) for box, x in told)
    for found, right in (([mine], 1 / 2), ([mine, stray], 1 / 2), ([mine, other], 1 / 4), ([stray, other], 0.0)):
        one = Scene(boxes, flags, np.zeros((1, 3, CLASSES)), np.stack(found)[None])
        assert trial(one).points(output(one))["oer"] == pytest.approx(right)


def test_the_higher_score_chooses_first_and_the_person_it_covers_best() -> None:
    boxes = np.array([[[0.0, 0, 10, 10], [0, 0, 10, 12], [np.nan] * 4]])
    found = np.array([[[0.0, 0, 10, 11.5, 0.6], [0, 0, 10, 12, 0.9], [0, 0, 10, 10, 0.0], [0, 0, 10, 4, 1.0]]])
    one = match(found, boxes)
    assert one.finder(3).tolist() == [[0, 1, -1]]
    assert one.order.tolist() == [[3, 1, 0, 2]]
    assert one.whose[8, 0].tolist() == [-1, 1, -1, -1], "10 / 11.5 is less than 0.9"


def test_images_without_anybody_and_heads_that_find_nobody_are_judged() -> None:
    one = scene(4)
    nobody = one._replace(found=one.found * 0)
    assert {name: trial(nobody).points(output(nobody))[name] for name in ("oer", "pd", "pd_50")} == dict.fromkeys(
        ("oer", "pd", "pd_50"), 0.0
    )
    found = trial(one).scores(output(one)._replace(found=None))
    assert list(found) == ["er"]


def test_of_one_class_each_people_are_put_in_order_by_the_share_of_it() -> None:
    """A logit of 2 beside one of 4 is a smaller share than one of 1 beside 0."""
    boxes = np.array([[[0.0, 0, 1, 1]], [[0.0, 0, 1, 1]]])
    flags = np.array([[[False, True, False, False]], [[True, False, False, False]]])
    people = np.array([[[2.0, 4, 0, 0]], [[1.0, 0, 0, 0]]])
    one = Scene(boxes, flags, people, np.zeros((2, 1, 5 + CLASSES)))
    judge = trial(one)
    plain = judge.points(output(one))["er"]
    assert plain == pytest.approx((1 / 2 + 1) / 2)
    shares = PeopleTrial(**{**vars(judge), "one_class": True}).points(output(one))["er"]
    assert shares == pytest.approx(1.0)
