"""People's boxes on maps: against pixels cut small enough that every box ends between two of them."""

import numpy as np
import torch
from torch import Tensor

from heads.blocks import boxes

PARTS = 8
"""A box ends at multiples of an eighth of a pixel, so that the mean over an eight times finer map is its mean."""
HEIGHT, WIDTH = 5, 7
EIGHTHS = {
    "inside, between pixels": (11, 9, 37, 30),
    "overlapping the one before": (20, 9, 50, 26),
    "at the border of the image": (0, 0, 19, 40),
    "the whole image": (0, 0, 56, 40),
    "smaller than a pixel": (17, 33, 20, 35),
    "smaller than a pixel, on two": (6, 14, 9, 18),
}


def some(people: int) -> Tensor:
    """(people, 4), the last two of nobody."""
    sides = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT], dtype=torch.float64) * PARTS
    known = torch.tensor(list(EIGHTHS.values()), dtype=torch.float64) / sides
    return torch.cat([known, torch.full((people - len(known), 4), torch.nan, dtype=torch.float64)])


def test_the_read_out_is_the_mean_over_pixels() -> None:
    draw = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, HEIGHT, WIDTH, dtype=torch.float64, generator=draw)
    found = boxes.read_out(maps, boxes.inside(some(8).expand(2, -1, -1), HEIGHT, WIDTH))
    assert found.shape == (2, 8, 3)
    fine = np.kron(maps.numpy(), np.ones((PARTS, PARTS)))
    for place, (x1, y1, x2, y2) in enumerate(EIGHTHS.values()):
        wanted = fine[:, :, y1:y2, x1:x2].mean((2, 3))
        np.testing.assert_allclose(found[:, place].numpy(), wanted, atol=1e-12)
    assert not found[:, 6:].any()


def test_a_box_that_leaves_the_image_counts_where_it_is_on_it() -> None:
    beyond = torch.tensor([[-0.5, 0.2, 0.5, 1.5], [0.0, 0.2, 0.5, 1.0]], dtype=torch.float64)
    found = boxes.inside(beyond, HEIGHT, WIDTH)
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found.sum(1), torch.ones(2, dtype=torch.float64))


def test_turned_round_twice_a_box_is_where_it_was_and_once_its_maps_mean_is_the_same() -> None:
    maps = torch.randn(2, 3, HEIGHT, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    known, chosen = some(8).expand(2, -1, -1), torch.tensor([True, False])
    turned = boxes.flipped(known, chosen)
    torch.testing.assert_close(turned[0, 0], torch.tensor([19, 9, 45, 30]) / torch.tensor([56.0, 40, 56, 40]).double())
    assert torch.equal(turned[1].nan_to_num(9), known[1].nan_to_num(9))
    torch.testing.assert_close(boxes.flipped(turned, chosen), known, equal_nan=True)
    before = boxes.read_out(maps, boxes.inside(known, HEIGHT, WIDTH))
    after = boxes.read_out(maps.flip(3), boxes.inside(turned, HEIGHT, WIDTH))
    torch.testing.assert_close(before[0], after[0])


def test_the_mean_over_people_leaves_out_nobody_and_is_zero_of_none() -> None:
    values = torch.tensor([[1.0, 2.0, 50.0], [5.0, 5.0, 5.0]])
    known = torch.tensor([[True, True, False], [False, False, False]])
    assert boxes.over_people(values, known).tolist() == [1.5, 0]
    assert boxes.there(some(8)).tolist() == [True] * 6 + [False] * 2
