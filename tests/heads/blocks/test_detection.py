"""Eq. 4 and 5, the hills around centres and the peaks, against loops."""

import math

import torch
from torch import Tensor

from heads.blocks.boxes import there
from heads.blocks.detection import focal_loss, heat_map, peaks, size_loss

HEIGHT, WIDTH = 8, 10
NOBODY = [math.nan] * 4
BOXES = torch.tensor(
    [
        [[0.1, 0.1, 0.5, 0.9], [0.3, 0.2, 0.9, 0.6], [0.91, 0.91, 1, 1]],
        [NOBODY, NOBODY, NOBODY],
        [[0, 0, 1, 1], NOBODY, [0.4, 0.4, 0.42, 0.43]],
    ],
    dtype=torch.float64,
)


def overlap(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    sides = [min(one[2 + k], two[2 + k]) - max(one[k], two[k]) for k in range(2)]
    both = max(0.0, sides[0]) * max(0.0, sides[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)]
    return both / (sum(areas) - both)


def radius(wide: float, high: float) -> float:
    """The largest move of the corners that leaves an IoU of 0.7 in each of the three cases, by halving."""
    low, top, box = 0.0, min(wide, high) / 2, (0.0, 0.0, wide, high)
    for _ in range(60):
        r = (low + top) / 2
        moved = (r, r, wide + r, high + r), (r, r, wide - r, high - r), (-r, -r, wide + r, high + r)
        low, top = (r, top) if min(overlap(box, other) for other in moved) > 0.7 else (low, r)
    return low


def loop_heat() -> Tensor:
    made = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.float64)
    for image, everybody in enumerate(BOXES.tolist()):
        for x1, y1, x2, y2 in everybody:
            if math.isnan(x1):
                continue
            row, column = int((y1 + y2) / 2 * HEIGHT), int((x1 + x2) / 2 * WIDTH)
            sigma = (2 * radius((x2 - x1) * WIDTH, (y2 - y1) * HEIGHT) + 1) / 6
            for y in range(HEIGHT):
                for x in range(WIDTH):
                    hill = math.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * sigma**2))
                    made[image, y, x] = max(made[image, y, x].item(), hill)
    return made


def test_hills_are_as_wide_as_boxes_may_move_and_the_highest_counts() -> None:
    found = heat_map(BOXES, HEIGHT, WIDTH)
    torch.testing.assert_close(found, loop_heat())
    assert [(one == 1).sum().item() for one in found] == [3, 0, 2]


def test_the_focal_loss_is_equation_4() -> None:
    logits = torch.randn(3, HEIGHT, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits, heat, people = logits.mul(2).requires_grad_(), loop_heat(), there(BOXES).sum(1)
    for image, found in enumerate(focal_loss(logits, heat, people).tolist()):
        total = 0.0
        for y in range(HEIGHT):
            for x in range(WIDTH):
                p, wanted = 1 / (1 + math.exp(-logits[image, y, x].item())), heat[image, y, x].item()
                hit, miss = (1 - p) ** 2 * math.log(p), (1 - wanted) ** 4 * p**2 * math.log(1 - p)
                total -= hit if wanted == 1 else miss
        assert math.isclose(found, total / max(1, int(people[image])), rel_tol=1e-9)
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, heat, people), logits)


def test_the_focal_loss_of_sure_answers_is_finite() -> None:
    heat = torch.tensor([[1.0, 0.0]])
    found = focal_loss(torch.tensor([[-200.0, 200.0]], requires_grad=True), heat, torch.tensor(1))
    assert found.item() == 400


def test_the_size_loss_is_equation_5() -> None:
    sizes = torch.randn(3, 2, HEIGHT, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sizes.requires_grad_()
    for image, found in enumerate(size_loss(sizes, BOXES).tolist()):
        off = []
        for x1, y1, x2, y2 in BOXES[image].tolist():
            if not math.isnan(x1):
                row, column = int((y1 + y2) / 2 * HEIGHT), int((x1 + x2) / 2 * WIDTH)
                wide, high = sizes[image, :, row, column].tolist()
                off.append(abs(wide - (x2 - x1) * WIDTH) + abs(high - (y2 - y1) * HEIGHT))
        assert math.isclose(found, sum(off) / len(off) if off else 0, rel_tol=1e-9)
    assert torch.autograd.gradcheck(lambda x: size_loss(x, BOXES), sizes)


def test_peaks_are_local_maxima_the_highest_first() -> None:
    draw = torch.Generator().manual_seed(2)
    logits = torch.randn(2, HEIGHT, WIDTH, dtype=torch.float64, generator=draw)
    sizes = torch.rand(2, 2, HEIGHT, WIDTH, dtype=torch.float64, generator=draw) * 6 - 1
    for most in (3, 40, 100):
        found = peaks(logits, sizes, most)
        assert found.shape == (2, most, 5)
        for image in range(2):
            wanted = []
            for y in range(HEIGHT):
                for x in range(WIDTH):
                    near = logits[image, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
                    if logits[image, y, x] < near.max():
                        continue
                    wide, high = (max(1.0, side) / 2 for side in sizes[image, :, y, x].tolist())
                    box = x + 0.5 - wide, y + 0.5 - high, x + 0.5 + wide, y + 0.5 + high
                    shares = [min(1.0, max(0.0, side / of)) for side, of in zip(box, [WIDTH, HEIGHT] * 2, strict=True)]
                    wanted.append([*shares, 1 / (1 + math.exp(-logits[image, y, x].item()))])
            wanted = sorted(wanted, key=lambda one: -one[4])[:most]
            wanted += [[0.0] * 5] * (most - len(wanted))
            torch.testing.assert_close(found[image], torch.tensor(wanted, dtype=torch.float64))
            assert len(torch.nonzero(found[image, :, 4])) == min(most, sum(one[4] > 0 for one in wanted))


def test_what_is_right_is_found_again_within_half_a_pixel() -> None:
    heat, everybody = heat_map(BOXES[:1], HEIGHT, WIDTH), BOXES[0]
    wide, high = (everybody[:, 2] - everybody[:, 0]) * WIDTH, (everybody[:, 3] - everybody[:, 1]) * HEIGHT
    sizes = torch.zeros(1, 2, HEIGHT, WIDTH, dtype=torch.float64)
    for person in range(3):
        row, column = (int(everybody[person, [k, k + 2]].mean() * side) for k, side in ((1, HEIGHT), (0, WIDTH)))
        sizes[0, :, row, column] = torch.stack([wide[person], high[person]])
    found = peaks(heat.logit(1e-6), sizes, 3)[0, :, :4]
    for box in everybody:
        assert min((box - one).abs().max().item() for one in found) <= 0.5 / HEIGHT + 1e-9
