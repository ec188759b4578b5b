"""tvl1: optical flow of least total variation whose data term is a sum of absolute differences, in torch.

Energy of a flow u from frame a to frame b: the sum over pixels of |grad u| + lambda |b(x + u) - a(x)|, b linearised
about the flow of the last warp. It is minimised by turns in v (eq. 15 to 17: a threshold, pixel by pixel) and in u
(eq. 12 to 14: its dual p by steps of ``tau``), coupled by ``theta``, from coarse to fine.
What is not the paper's: frames of 0 to 255 and parameters as OpenCV's ``DualTVL1OpticalFlow`` has them; a median of
3 x 3 over the flow before each warp (5 x 5 there); frames are warped bilinearly (bicubic there, which sharpens and
costs three times as much); where a pixel leaves the frame it has no data term; levels are halved (0.8 there), and of
each warp there are always ``iterations`` steps: whether they have converged is never asked, since an answer would hold
up a GPU in each step, and 10 leave no greater error than its up to 300 (bench/flow.json).
Source: Zach, Pock, Bischof 2007, A duality based approach for realtime TV-L1 optical flow; median: Wedel et al. 2009.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

TAU, LAMBDA, THETA = 0.25, 0.15, 0.3
SCALES, WARPS, ITERATIONS = 5, 5, 10
LEAST_SIDE = 16
"""Pixels: no level is smaller."""
FLAT = 1e-3
"""Squared gradient below which a pixel tells nothing of where it went."""


class Data(NamedTuple):
    """The data term about one warp, for flow scaled by ``TAU / THETA``. slope: (2, n, h, w) the warped frame's gradient
    over its squared length. offset: (n, h, w) the residual at no flow over the same. gradient: (2, n, h, w)."""

    slope: Tensor
    offset: Tensor
    gradient: Tensor


class Buffers(NamedTuple):
    """What each step writes into. dual, step: (2 of direction, 2 of flow, n, h, w). norm: (2, n, h, w)."""

    dual: Tensor
    step: Tensor
    norm: Tensor
    residual: Tensor

    @classmethod
    def of(cls, frame: Tensor) -> Buffers:
        """Zeros for frames (n, h, w); what lies beyond the last row and column stays zero."""
        dual, step = (frame.new_zeros((2, 2, *frame.shape)) for _ in range(2))
        return cls(dual, step, frame.new_empty((2, *frame.shape)), torch.empty_like(frame))


@torch.inference_mode()
def tvl1(
    first: Tensor, second: Tensor, scales: int = SCALES, warps: int = WARPS, iterations: int = ITERATIONS
) -> Tensor:
    """(n, 2, h, w) float32, x then y in pixels: ``second(x + flow(x))`` looks as ``first(x)``.

    first, second: (n, h, w) grey of 0 to 255, on any device. Pairs do not influence each other; on a CPU they are best
    given one by one, which the cache holds.
    """
    levels = [(first.float(), second.float())]
    while len(levels) < scales and min(levels[-1][0].shape[1:]) >= 2 * LEAST_SIDE:
        levels.append(tuple(map(_halved, levels[-1])))  # type: ignore[arg-type]
    flow = first.new_zeros((2, *levels[-1][0].shape), dtype=torch.float32)
    for one, other in reversed(levels):
        flow = _enlarged(flow, one.shape[1], one.shape[2])
        buffers, stack = Buffers.of(one), torch.stack([other, *_gradient(other)], 1)
        for _ in range(warps):
            data = _linearised(one, stack, flow)
            flow = median(flow).mul_(TAU / THETA)
            minimise(flow, data, buffers, iterations)
            flow.div_(TAU / THETA)
    return flow.transpose(0, 1).contiguous()


def minimise(flow: Tensor, data: Data, buffers: Buffers, iterations: int) -> None:
    """Steps of v, u and p, in place on ``flow`` (2, n, h, w), which is u times TAU / THETA: so the steps of p need no
    factor. v is not kept: it is u less a multiple of the gradient."""
    dual, step, norm, residual = buffers
    (dual_x, dual_y), (step_x, step_y) = dual, step
    for _ in range(iterations):
        torch.addcmul(data.offset, data.slope[0], flow[0], out=residual)
        residual.addcmul_(data.slope[1], flow[1]).clamp_(-LAMBDA * THETA, LAMBDA * THETA)
        flow.addcmul_(data.gradient, residual, value=-1)
        flow.add_(dual_x, alpha=TAU)[..., 1:].sub_(dual_x[..., :-1], alpha=TAU)
        flow.add_(dual_y, alpha=TAU)[..., 1:, :].sub_(dual_y[..., :-1, :], alpha=TAU)
        torch.sub(flow[..., 1:], flow[..., :-1], out=step_x[..., :-1])
        torch.sub(flow[..., 1:, :], flow[..., :-1, :], out=step_y[..., :-1, :])
        dual.add_(step)
        torch.mul(step_x, step_x, out=norm)
        dual.div_(norm.addcmul_(step_y, step_y).sqrt_().add_(1))


def _linearised(one: Tensor, stack: Tensor, flow: Tensor) -> Data:
    """The data term about ``flow``. stack: (n, 3, h, w), the other frame with its gradient."""
    height, width = one.shape[1:]
    x = flow[0] + torch.arange(width, device=flow.device)
    y = flow[1] + torch.arange(height, device=flow.device)[:, None]
    grid = torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], -1)
    warped = F.grid_sample(stack, grid, mode="bilinear", padding_mode="border", align_corners=True)
    inside = (grid.abs() <= 1).all(-1)
    gradient = warped[:, 1:].transpose(0, 1) * inside
    squared = gradient.square().sum(0)
    inverse = torch.where(squared > FLAT, squared.reciprocal(), 0)
    offset = (warped[:, 0] - one).sub_((gradient * flow).sum(0)).mul_(inverse)
    return Data(gradient * inverse.mul_(THETA / TAU), offset, gradient * (TAU / THETA))


def _gradient(frame: Tensor) -> tuple[Tensor, Tensor]:
    """Of (n, h, w) along x and y, by central differences; zero at the edges."""
    along_x, along_y = torch.zeros_like(frame), torch.zeros_like(frame)
    along_x[..., 1:-1] = (frame[..., 2:] - frame[..., :-2]) / 2
    along_y[..., 1:-1, :] = (frame[..., 2:, :] - frame[..., :-2, :]) / 2
    return along_x, along_y


def _halved(frame: Tensor) -> Tensor:
    """(n, h / 2, w / 2), rounded."""
    size = [(side + 1) // 2 for side in frame.shape[1:]]
    return F.interpolate(frame[None], size, mode="bilinear", align_corners=False)[0]


def _enlarged(flow: Tensor, height: int, width: int) -> Tensor:
    """(2, n, height, width) of ``flow``, displacements in the new pixels."""
    if flow.shape[2:] == (height, width):
        return flow
    factors = flow.new_tensor([width / flow.shape[3], height / flow.shape[2]]).view(2, 1, 1, 1)
    return F.interpolate(flow, (height, width), mode="bilinear", align_corners=False).mul_(factors)


def median(planes: Tensor) -> Tensor:
    """(..., h, w): of each pixel's 3 x 3 neighbourhood; at an edge the edge's pixels stand for those beyond.

    Columns of three are sorted once for the three windows that share them: the median of nine is that of the greatest
    least, the middle middle and the least greatest.
    """
    wide = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    above, here, below = wide[..., :-2, :], wide[..., 1:-1, :], wide[..., 2:, :]
    low, high = torch.minimum(above, here), torch.maximum(above, here)
    middle, high = torch.minimum(high, below), torch.maximum(high, below)
    low, middle = torch.minimum(low, middle), torch.maximum(low, middle)
    return _middle(
        torch.maximum(torch.maximum(low[..., :-2], low[..., 1:-1]), low[..., 2:]),
        _middle(middle[..., :-2], middle[..., 1:-1], middle[..., 2:]),
        torch.minimum(torch.minimum(high[..., :-2], high[..., 1:-1]), high[..., 2:]),
    )


def _middle(one: Tensor, other: Tensor, third: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(one, other), torch.minimum(torch.maximum(one, other), third))
