"""People as peaks of a heat map, and their sizes at them.

Source: knowledge amalgamation (seeds/002), section 2.2 and eq. 4 to 6; Zhou et al. 2019, Objects as points (the hills
around the centres, sizes in pixels of the map, the first bias).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.boxes import over_people, there

ALPHA, BETA = 2, 4
RARE = -2.19
"""The first bias of the heat map: a tenth everywhere, so that the many empty places do not drown the first steps."""
_IOU = 0.7
"""With the annotated box, of the worst box within a hill's radius."""


def focal_loss(logits: Tensor, heat: Tensor, people: Tensor) -> Tensor:
    """Eq. 4. logits, heat: (..., h, w); heat is exactly 1 at centres. people: (...), how many; an image without any is
    divided by 1. Returns (...)."""
    found = logits.sigmoid()
    at_centre = (1 - found) ** ALPHA * F.logsigmoid(logits)
    elsewhere = (1 - heat) ** BETA * found**ALPHA * F.logsigmoid(-logits)
    return -torch.where(heat == 1, at_centre, elsewhere).sum((-2, -1)) / people.clamp_min(1)


def size_loss(sizes: Tensor, boxes: Tensor) -> Tensor:
    """Eq. 5: how far width and height, in pixels of the map, are off at the centres, added up; its mean over an image's
    people. sizes: (..., 2, h, w). boxes: (..., K, 4). Returns (...)."""
    height, width = sizes.shape[-2:]
    known = there(boxes)
    row, column = centres(boxes, height, width)
    at = (row * width + column)[..., None, :].expand(*row.shape[:-1], 2, -1)
    made = sizes.flatten(-2).gather(-1, at).mT
    return over_people((made - _pixels(boxes, height, width)).abs().sum(-1), known)


def heat_map(boxes: Tensor, height: int, width: int) -> Tensor:
    """(..., height, width): 1 at each centre's pixel, a hill around it as wide as the box allows, the highest where
    hills meet; 0 without people."""
    known = there(boxes)
    row, column = (place[..., None] for place in centres(boxes, height, width))
    spread = 2 * ((2 * _radius(_pixels(boxes, height, width)) + 1) / 6).square()[..., None]
    down, across = (
        torch.exp(-(torch.arange(side, device=boxes.device) - place).square() / spread)
        for side, place in ((height, row), (width, column))
    )
    hills = (down * known[..., None])[..., :, None] * across[..., None, :]
    return hills.amax(-3)


def centres(boxes: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Row and column, (..., K) int64, of the pixel that a box's centre is in; 0 where there is nobody."""
    x1, y1, x2, y2 = boxes.nan_to_num().unbind(-1)
    row, column = (y1 + y2) / 2 * height, (x1 + x2) / 2 * width
    return row.long().clamp(0, height - 1), column.long().clamp(0, width - 1)


def _pixels(boxes: Tensor, height: int, width: int) -> Tensor:
    """(..., K, 2): width and height in pixels of the map."""
    x1, y1, x2, y2 = boxes.nan_to_num().unbind(-1)
    return torch.stack([(x2 - x1) * width, (y2 - y1) * height], -1)


def _radius(pixels: Tensor) -> Tensor:
    """(..., K): how far the corners of a box may move so that it still overlaps the annotated one by ``_IOU``, in the
    worst of three cases: both corners the same way, both inwards, both outwards. Each is a quadratic equation."""
    total, area = pixels.sum(-1), pixels.prod(-1)
    same = (total - (total.square() - 4 * area * (1 - _IOU) / (1 + _IOU)).sqrt()) / 2
    inwards = (total - (total.square() - 4 * area * (1 - _IOU)).sqrt()) / 4
    outwards = ((total.square() + 4 * area * (1 - _IOU) / _IOU).sqrt() - total) / 4
    return torch.minimum(same, torch.minimum(inwards, outwards))


def peaks(logits: Tensor, sizes: Tensor, most: int) -> Tensor:
    """The ``most`` highest local maxima, (..., most, 5): xyxy in shares of the image, cut at its border, and the score;
    zeros where there are fewer. A pixel is one when none of the eight around it is higher. logits: (..., h, w). sizes:
    (..., 2, h, w), width and height in pixels of the map; a person is one pixel wide at least."""
    height, width = logits.shape[-2:]
    flat = logits.reshape(-1, 1, height, width)
    highest = F.max_pool2d(flat, 3, 1, 1).view_as(logits) == logits
    scored = logits.masked_fill(~highest, -math.inf).flatten(-2)
    value, at = scored.topk(min(most, scored.shape[-1]))
    wide, high = sizes.flatten(-2).gather(-1, at[..., None, :].expand(*at.shape[:-1], 2, -1)).clamp_min(1).unbind(-2)
    x, y = at % width + 0.5, at.div(width, rounding_mode="floor") + 0.5
    sides = (x - wide / 2) / width, (y - high / 2) / height, (x + wide / 2) / width, (y + high / 2) / height
    found = torch.stack([*(side.clamp(0, 1) for side in sides), value.sigmoid()], -1)
    found = found * value.isfinite()[..., None]
    return F.pad(found, (0, 0, 0, most - found.shape[-2]))
