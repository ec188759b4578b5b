"""In which form a table's boxes are written, and what tells a wrong one. Arithmetic only; no pixel is read.

A box as written is four numbers. xyxy: left, top, right, bottom in pixels. xywh: left, top, width, height in pixels.
normalised and normalised_xywh: the same as shares of the image's width and height, in 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding.boxes import LEAST_SIDE

Numbers = NDArray[np.float64]
Four = tuple[float, float, float, float]
FORMS: Final[Mapping[str, str]] = {
    "xyxy": "left, top, right, bottom in pixels",
    "xywh": "left, top, width, height in pixels",
    "normalised": "left, top, right, bottom as shares of the image, 0..1",
    "normalised_xywh": "left, top, width, height as shares of the image, 0..1",
}
"""Word of BOX -> what the four numbers are."""
MANY: Final = 0.2
"""Share of boxes that are spoilt in one form and fit in another from which on the form is doubted: the few that an
annotator drew beyond the edge do not reach it."""
FIT: Final = 0.9
"""Least share of boxes that must fit in the other form: boxes of one form are almost all in their images."""
SLACK: Final = 2.0
"""Pixels that a box may lie beyond the edge and still fit."""
OUT: Final = 0.1
"""Share of the image's side that a box must lie beyond the edge to be no matter of rounding."""
UNIT: Final = 1.5
"""Below it in all its numbers a box is no box of pixels; shares reach a little beyond 1 at an edge."""
FEW: Final = 5
"""Boxes that must leave their images as xywh before that is doubted: one or two do when somebody is half out of it."""
LEAST_IN: Final = 0.5
"""Share of a box's area that lies in its image unless the box is far out of it: whoever is half out of it is not."""
STRAY: Final = 0.5
"""Share of boxes, of two or more, that must be far out of their images before they are no pixels of them."""
CORNER: Final = 8
"""Boxes that must all lie towards the upper left before that is worth a word: fewer do by chance."""


def has_extent(form: str) -> bool:
    """Whether the last two numbers are width and height, not the lower right corner."""
    return form.endswith("xywh")


def is_share(form: str) -> bool:
    """Whether the numbers are shares of the image, not pixels."""
    return form.startswith("normalised")


def to_xyxy(box: Sequence[float], form: str, size: tuple[int, int]) -> Four:
    """Corners in pixels of a ``box`` written in ``form``; size: width, height of its image."""
    a, b, c, d = box
    if has_extent(form):
        c, d = a + c, b + d
    width, height = size if is_share(form) else (1, 1)
    return (a * width, b * height, c * width, d * height)


NEITHER: Final = "They are neither corners nor left, top, width, height; if they tell middles, write corners"
SCALED: Final = (
    "Are they in thousandths, or of a resized copy? Write pixels of the image as it lies there, or shares of it with "
    "BOX=normalised"
)


@dataclass(frozen=True)
class Doubt:
    """A form that the boxes are hardly in. forms: the likely ones, none where no form fits. first: number of the first
    box that tells. text: what is wrong with how many. otherwise: the cure where no form fits."""

    forms: tuple[str, ...]
    first: int
    text: str
    otherwise: str = NEITHER

    @property
    def cure(self) -> str:
        """What to say instead."""
        if not self.forms:
            return self.otherwise
        likely = " or ".join(f"BOX={form} ({FORMS[form]})" for form in self.forms)
        return f"Likely it is {likely}"


def doubt(boxes: Numbers, sizes: Numbers, form: str) -> Doubt | None:
    """Why ``form`` is hardly that of ``boxes`` (n, 4); None when it may well be, as for no boxes at all.

    sizes: (n, 2) width and height of their images, 0 where unknown. A sound table is never doubted: to be, all of its
    boxes must lie within a pixel or two of the corner, or MANY must be spoilt in ``form`` while FIT of all fit in the
    other, or STRAY must lie for the most part out of their images. A single reversed box is no sound one, so it counts
    as many.
    """
    if not len(boxes):
        return None
    if not is_share(form):
        return _of_shares(boxes) or _of_pixels(boxes, sizes, form) or _of_others(boxes, sizes, form)
    beyond = (boxes >= LEAST_SIDE).any(1)  # a body half out of its image reaches beyond 1 too
    if beyond.mean() <= 0.5:
        return None
    likely = tuple(one for one in ("xyxy", "xywh") if _fits(boxes, sizes, one).mean() >= FIT)
    text = f"{beyond.sum()} of {len(boxes)} boxes reach beyond 1, which is the whole of an image"
    return Doubt(likely or ("xyxy", "xywh"), int(beyond.argmax()), text)


def crowded(boxes: Numbers, sizes: Numbers, form: str) -> bool:
    """Whether xyxy boxes would all do as xywh, which nothing else tells: all middles lie in their images' upper left
    quarters, of CORNER boxes or more."""
    return form == "xyxy" and len(boxes) >= CORNER and bool(_fits(boxes, sizes, "xywh").all())


def _of_shares(boxes: Numbers) -> Doubt | None:
    """Numbers that are all about 0..1."""
    if not ((boxes > -UNIT + 1) & (boxes < UNIT)).all():
        return None
    corners = bool((boxes[:, :2] < boxes[:, 2:]).all())
    extents = bool((boxes[:, :2] + boxes[:, 2:] <= 1.05).all())
    forms = tuple(form for form, fits in (("normalised", corners), ("normalised_xywh", extents)) if fits)
    whose = "its numbers" if len(boxes) == 1 else f"the numbers of all {len(boxes)} boxes"
    return Doubt(forms, 0, f"{whose} lie in 0..1, so they are no pixels")


def _of_pixels(boxes: Numbers, sizes: Numbers, form: str) -> Doubt | None:
    """Boxes that are spoilt in one form of pixels and fit in the other."""
    known = np.flatnonzero((sizes > 0).all(1))
    boxes, sizes, other = boxes[known], sizes[known], "xyxy" if has_extent(form) else "xywh"
    fits, corners = _fits(boxes, sizes, other), _corners(boxes, form)
    telling = fits & _spoilt(corners, sizes)
    reversed_ = telling & (corners[:, :2] >= corners[:, 2:]).any(1)
    enough = telling.sum() >= (FEW if has_extent(form) else 1)
    if not enough or fits.mean() < FIT or (telling.mean() < MANY and not reversed_.any()):
        return None
    what = f"have no {LEAST_SIDE} pixels each way or leave their images"
    text = f"as {form} {telling.sum()} of {len(boxes)} boxes {what}, as {other} {fits.sum()} fit"
    return Doubt((other,), int(known[telling.argmax()]), text)


def _of_others(boxes: Numbers, sizes: Numbers, form: str) -> Doubt | None:
    """Boxes that are pixels in no form: most of each of them lies out of its image."""
    known = np.flatnonzero((sizes > 0).all(1))
    boxes, sizes, other = boxes[known], sizes[known], "xyxy" if has_extent(form) else "xywh"
    corners = _corners(boxes, form)
    within = np.clip(corners, 0, np.hstack([sizes, sizes]))
    far = _leaves(corners, sizes) & (_areas(within) < LEAST_IN * _areas(corners))
    if far.sum() < 2 or far.mean() < STRAY or _fits(boxes, sizes, other).mean() >= FIT:
        return None
    text = f"{far.sum()} of {len(boxes)} boxes reach far out of their images"
    return Doubt((), int(known[far.argmax()]), text, f"{SCALED}; BOX={form} reads them as they are")


def _areas(corners: Numbers) -> Numbers:
    """(n,) 0 for a reversed box."""
    return np.asarray(np.maximum(corners[:, 2:] - corners[:, :2], 0).prod(1))


def _corners(boxes: Numbers, form: str) -> Numbers:
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]) if has_extent(form) else boxes


def _fits(boxes: Numbers, sizes: Numbers, form: str) -> NDArray[np.bool_]:
    """(n,) lies in its image, with SLACK, and is no speck."""
    corners = _corners(boxes, form)
    inside = (corners[:, :2] >= -SLACK).all(1) & (corners[:, 2:] <= sizes + SLACK).all(1)
    return np.asarray(inside & (corners[:, 2:] - corners[:, :2] >= LEAST_SIDE).all(1))


def _spoilt(corners: Numbers, sizes: Numbers) -> NDArray[np.bool_]:
    """(n,) leaves its image by far, or has a side under LEAST_SIDE or none."""
    return np.asarray(_leaves(corners, sizes) | (corners[:, 2:] - corners[:, :2] < LEAST_SIDE).any(1))


def _leaves(corners: Numbers, sizes: Numbers) -> NDArray[np.bool_]:
    """(n,) by far."""
    room = np.maximum(OUT * sizes, 3 * SLACK)
    return np.asarray((corners[:, :2] < -room).any(1) | (corners[:, 2:] > sizes + room).any(1))
