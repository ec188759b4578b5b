"""Where the labels of people go: near their boxes, on no face, on no other label, inside the image.

Every label is tried at places about its box, and at a grid over the image when none of these is free; the cheapest is
taken, and then each once more with the others in place. Boxes are (n, 4) xyxy in pixels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
TIERS = 4
"""Rows of labels that may stand over one another above or below a row of people."""
GAP = 0.125
"""Between a label and its person, in the label's heights."""
GRID = 24
ROUNDS = 3
HIDDEN, OTHERS, OWN, FAR, ORDER = 1000.0, 2.0, 0.5, 0.5, 0.005
"""Cost of a label that lies wholly on faces and labels; on other people; on its own person; a label's height away from
its person; of each place in the order of preference."""


def place(sizes: Sequence[tuple[float, float]], bodies: Boxes, faces: Boxes, extent: tuple[float, float]) -> Boxes:
    """(n, 4) where labels of ``sizes`` (width, height) go, each at its body of ``bodies`` (n, 4), in an image of
    ``extent``. faces: (f, 4) of anybody. Overlaps are left only where there is no room: see ``free``."""
    placed = np.full((len(sizes), 4), np.nan)
    for _ in range(ROUNDS):
        for index, size in enumerate(sizes):
            others = np.delete(placed, index, axis=0)
            taken = np.concatenate([faces, others[~np.isnan(others[:, 0])]])
            people = np.delete(bodies, index, axis=0)
            placed[index] = _cheapest(np.array(size, np.float64), bodies[index], taken, people, extent)
    return placed


def free(labels: Boxes, faces: Boxes, extent: tuple[float, float]) -> bool:
    """Whether the labels lie on no face, on no other label and inside the image."""
    inside = (labels[:, :2] >= 0).all() and (labels[:, 2:] <= extent).all()
    each = np.triu(shared(labels, labels), 1)
    return bool(inside and not each.any() and not shared(labels, faces).any())


def on_others(labels: Boxes, bodies: Boxes) -> float:
    """The greatest share of a label that is on other people than its own (on two of them, twice); 0 for nobody."""
    if not len(labels):
        return 0.0
    covered = shared(labels, bodies) / (labels[:, 2:] - labels[:, :2]).prod(1)[:, None]
    np.fill_diagonal(covered, 0)
    return float(covered.sum(1).max())


def shared(some: Boxes, others: Boxes) -> NDArray[np.float64]:
    """(m, n) pixels of each of ``some`` (m, 4) that each of ``others`` (n, 4) covers."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    extent = np.maximum(np.minimum(some[:, None, 2:], others[None, :, 2:]) - low, 0)
    return np.asarray(extent.prod(-1))


def apart(some: Boxes, box: Boxes) -> NDArray[np.float64]:
    """(m,) pixels from each of ``some`` (m, 4) to ``box`` (4,); 0 where they touch."""
    gaps = np.maximum(np.maximum(box[:2] - some[:, 2:], some[:, :2] - box[2:]), 0)
    return np.asarray(np.hypot(gaps[:, 0], gaps[:, 1]))


def _cheapest(size: Boxes, body: Boxes, taken: Boxes, people: Boxes, extent: tuple[float, float]) -> Boxes:
    near = _inside(_about(size, body), size, extent)
    cost, hidden = _cost(near, size, body, taken, people)
    if not hidden[cost.argmin()]:
        return np.asarray(near[cost.argmin()])
    room = np.maximum(np.array(extent) - size, 0)
    grid = np.stack(np.meshgrid(*(np.linspace(0, end, GRID) for end in room)), -1).reshape(-1, 2)
    both = np.concatenate([near, np.concatenate([grid, grid + size], 1)])
    return np.asarray(both[_cost(both, size, body, taken, people)[0].argmin()])


def _cost(
    places: Boxes, size: Boxes, body: Boxes, taken: Boxes, people: Boxes
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each of ``places``, and the part of it that is hidden cost."""
    label, away = size.prod(), np.maximum(apart(places, body) - GAP * size[1], 0)
    hidden = HIDDEN * shared(places, taken).sum(1) / label
    on_people = OTHERS * shared(places, people).sum(1) + OWN * shared(places, body[None])[:, 0]
    return hidden + on_people / label + FAR * away / size[1] + ORDER * np.arange(len(places)), hidden


def _about(size: Boxes, body: Boxes) -> Boxes:
    """Corners (m, 2) of places about ``body``, the best first: above, below, beside, inside it at the bottom."""
    (x1, y1, x2, y2), (width, height) = body, size
    gap = GAP * height
    across = (x1, (x1 + x2 - width) / 2, x2 - width)
    along = (y1, (y1 + y2 - height) / 2, y2 - height)
    tiers = [tier * (height + gap) + gap for tier in range(TIERS)]
    above = [(x, y1 - height - tier) for tier in tiers for x in across]
    below = [(x, y2 + tier) for tier in tiers for x in across]
    beside = [(x, y) for y in along for x in (x2 + gap, x1 - width - gap)]
    within = [(x, y2 - height - gap) for x in across]
    return np.array([*above[:3], *below[:3], *beside, *within, *above[3:], *below[3:]])


def _inside(corners: Boxes, size: Boxes, extent: tuple[float, float]) -> Boxes:
    """The places at ``corners``, moved into the image; at its top left where they are larger than it."""
    low = np.clip(corners, 0, np.maximum(np.array(extent) - size, 0))
    return np.concatenate([low, low + size], 1)
