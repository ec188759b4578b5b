"""People's boxes on maps: (..., K, 4) xyxy in shares 0..1 of the image, NaN where there is nobody."""

import torch
from torch import Tensor


def there(boxes: Tensor) -> Tensor:
    """(..., K) True where there is somebody."""
    return boxes.isfinite().all(-1)


def flipped(boxes: Tensor, chosen: Tensor) -> Tensor:
    """With left and right turned round where ``chosen``, (...), is True."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.where(chosen[..., None, None], torch.stack([1 - x2, y1, 1 - x1, y2], -1), boxes)


def inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """(..., K, height * width): how much of the part of a box that lies on the map each pixel has. A pixel on the
    border counts by the share of it that is in the box, so a box smaller than a pixel is that pixel's; the sum is 1, or
    0 where there is nobody."""
    x1, y1, x2, y2 = boxes.nan_to_num().unbind(-1)
    down, across = _overlap(y1, y2, height), _overlap(x1, x2, width)
    area = (down[..., :, None] * across[..., None, :]).flatten(-2)
    return area / area.sum(-1, keepdim=True).clamp_min(torch.finfo(area.dtype).tiny)


def _overlap(start: Tensor, end: Tensor, pixels: int) -> Tensor:
    """(..., pixels): of each pixel, how much of it lies between two places in 0..1."""
    left = torch.arange(pixels, dtype=start.dtype, device=start.device)
    first, last = start[..., None] * pixels, end[..., None] * pixels
    return (torch.minimum(last, left + 1) - torch.maximum(first, left)).clamp_min(0)


def read_out(maps: Tensor, shares: Tensor) -> Tensor:
    """The mean of each map inside each box. maps: (..., E, h, w). shares: (..., K, h * w), as ``inside`` gives them.
    Returns (..., K, E), 0 where there is nobody."""
    return shares @ maps.flatten(-2).mT


def over_people(values: Tensor, known: Tensor) -> Tensor:
    """The mean over the people of an image, 0 of none. values: (..., K), finite. known: (..., K). Returns (...)."""
    return (values * known).sum(-1) / known.sum(-1).clamp_min(1)
