"""TV-L1 against the paper's equations, pixel by pixel in plain loops."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from pipeline.networks.flow.tvl1 import median, tvl1
from scripts.bench.flow_scenes import end_point_error, scenes

TAU, LAMBDA, THETA = 0.25, 0.15, 0.3


Array = np.ndarray


def bilinear(frame: Array, y: float, x: float) -> float:
    """At a place, which is moved into the frame first."""
    height, width = frame.shape
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    below, right = y - top, x - left
    return (
        frame[top, left] * (1 - below) * (1 - right)
        + frame[top, left + 1] * (1 - below) * right
        + frame[top + 1, left] * below * (1 - right)
        + frame[top + 1, left + 1] * below * right
    )


def resized(frame: Array, height: int, width: int) -> Array:
    """Bilinear, pixels' centres at halves."""
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            at = (
                (place + 0.5) * old / new - 0.5 for place, old, new in zip((y, x), frame.shape, out.shape, strict=True)
            )
            out[y, x] = bilinear(frame, *at)
    return out


def data_term(one: Array, other: Array, u: Array, v: Array) -> tuple[Array, Array, Array]:
    """(h, w) each: the warped gradient's two parts and the residual less the gradient's part, by pixels."""
    height, width = one.shape
    slope_x, slope_y = np.zeros_like(other), np.zeros_like(other)
    slope_x[:, 1:-1] = (other[:, 2:] - other[:, :-2]) / 2
    slope_y[1:-1] = (other[2:] - other[:-2]) / 2
    gx, gy, rest = (np.zeros_like(one) for _ in range(3))
    for y in range(height):
        for x in range(width):
            to_y, to_x = y + v[y, x], x + u[y, x]
            if 0 <= to_y <= height - 1 and 0 <= to_x <= width - 1:
                gx[y, x], gy[y, x] = bilinear(slope_x, to_y, to_x), bilinear(slope_y, to_y, to_x)
            rest[y, x] = bilinear(other, to_y, to_x) - gx[y, x] * u[y, x] - gy[y, x] * v[y, x] - one[y, x]
    return gx, gy, rest


def steps(flow: Array, gx: Array, gy: Array, rest: Array, dual: Array, iterations: int) -> None:
    """Eq. 17 for v, eq. 14 for p of each component, then eq. 13 for u; flow (2, h, w), dual (2, 2, h, w)."""
    height, width = rest.shape
    for _ in range(iterations):
        for y in range(height):
            for x in range(width):
                slope = np.array([gx[y, x], gy[y, x]])
                rho, length = rest[y, x] + slope @ flow[:, y, x], slope @ slope
                if length <= 1e-3:
                    continue
                if rho < -LAMBDA * THETA * length:
                    flow[:, y, x] += LAMBDA * THETA * slope
                elif rho > LAMBDA * THETA * length:
                    flow[:, y, x] -= LAMBDA * THETA * slope
                else:
                    flow[:, y, x] -= rho * slope / length
        for d in range(2):
            for y in range(height):
                for x in range(width):
                    left = dual[d, 0, y, x - 1] if x else 0
                    above = dual[d, 1, y - 1, x] if y else 0
                    flow[d, y, x] += THETA * (dual[d, 0, y, x] - left + dual[d, 1, y, x] - above)
        for d in range(2):
            for y in range(height):
                for x in range(width):
                    to_right = flow[d, y, x + 1] - flow[d, y, x] if x < width - 1 else 0
                    down = flow[d, y + 1, x] - flow[d, y, x] if y < height - 1 else 0
                    grown = 1 + TAU / THETA * np.hypot(to_right, down)
                    dual[d, 0, y, x] = (dual[d, 0, y, x] + TAU / THETA * to_right) / grown
                    dual[d, 1, y, x] = (dual[d, 1, y, x] + TAU / THETA * down) / grown


def by_loops(first: Array, second: Array, scales: int, warps: int, iterations: int) -> Array:
    levels = [(first.astype(float), second.astype(float))]
    for _ in range(scales - 1):
        half = [(side + 1) // 2 for side in levels[-1][0].shape]
        levels.append(tuple(resized(frame, *half) for frame in levels[-1]))
    flow = np.zeros((2, *levels[-1][0].shape))
    for one, other in reversed(levels):
        height, width = one.shape
        old = flow.shape[1:]
        flow = np.stack(
            [resized(flow[0], height, width) * width / old[1], resized(flow[1], height, width) * height / old[0]]
        )
        dual = np.zeros((2, 2, height, width))
        for _ in range(warps):
            terms = data_term(one, other, *flow)
            flow = np.stack([ndimage.median_filter(part, 3, mode="nearest") for part in flow])
            steps(flow, *terms, dual, iterations)
    return flow


def test_as_the_papers_equations_in_loops() -> None:
    scene = scenes((33, 38))["rotation"]
    first, second = scene.first[..., 0], scene.second[..., 0]
    expected = by_loops(first, second, 2, 2, 5)
    found = tvl1(torch.from_numpy(first)[None], torch.from_numpy(second)[None], 5, 2, 5)
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-4)


def test_the_median_of_nine() -> None:
    planes = np.random.default_rng(1).standard_normal((2, 3, 9, 7)).astype(np.float32)
    expected = ndimage.median_filter(planes, (1, 1, 3, 3), mode="nearest")
    np.testing.assert_array_equal(median(torch.from_numpy(planes)), expected)


def test_frames_that_show_nothing_or_the_same_do_not_move() -> None:
    scene = scenes((48, 64))["zoom"].first[..., 0]
    for frame in (np.zeros_like(scene), scene):
        one = torch.from_numpy(frame)[None]
        assert tvl1(one, one).abs().max() < 1e-3


@pytest.mark.gpu
def test_the_gpu_finds_what_the_cpu_finds() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    known = scenes()
    frames = [
        torch.from_numpy(np.stack([getattr(scene, side)[..., 0] for scene in known.values()]))
        for side in ("first", "second")
    ]
    there, here = tvl1(*(one.cuda() for one in frames)).cpu().numpy(), tvl1(*frames).numpy()
    apart = np.abs(there - here)
    assert (apart < 0.02).mean() > 0.999, "at a motion's edge a rounding decides for one side"
    assert apart.mean() < 1e-3
    assert all(end_point_error(flow, scene) < 0.15 for flow, scene in zip(there, known.values(), strict=True))
