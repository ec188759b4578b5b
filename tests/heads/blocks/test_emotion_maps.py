"""Eq. 1 to 3 against loops over people, emotions and pixels."""

import math

import torch
from torch import Tensor

from heads.blocks.boxes import inside, there
from heads.blocks.emotion_maps import class_loss, flags_loss, variance_loss

BOXES = torch.tensor(
    [[[0, 0.25, 0.5, 1], [0.25, 0.25, 1, 0.5], [torch.nan] * 4], [[torch.nan] * 4] * 3, [[0, 0, 1, 1]] * 3]
).double()
"""Of three images on maps of 4 x 4, each ending between two pixels; the second has nobody."""


def logits() -> Tensor:
    made = torch.randn(3, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return made.mul(3).requires_grad_()


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_several_labels_are_equation_1() -> None:
    made, known = logits(), there(BOXES)
    wanted = (torch.rand(3, 3, 4, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    wanted[~known] = torch.nan
    for image, found in enumerate(flags_loss(made, wanted, known).tolist()):
        people = [person for person in range(3) if known[image, person]]
        total = 0.0
        for person in people:
            for label in range(4):
                sure = sigmoid(made[image, person, label].item())
                total -= math.log(sure if wanted[image, person, label] == 1 else 1 - sure)
        assert math.isclose(found, total / len(people) if people else 0, abs_tol=1e-12)
    assert torch.autograd.gradcheck(lambda x: flags_loss(x, wanted, known), made)


def test_one_class_is_equation_2() -> None:
    made, known = logits(), there(BOXES)
    wanted = torch.tensor([[0, 3, -1], [-1, -1, -1], [1, -1, 2]])
    for image, found in enumerate(class_loss(made, wanted, known).tolist()):
        people = [person for person in range(3) if wanted[image, person] >= 0]
        total = 0.0
        for person in people:
            powers = [math.exp(x) for x in made[image, person].tolist()]
            total -= math.log(powers[int(wanted[image, person])] / sum(powers))
        assert math.isclose(found, total / len(people) if people else 0, abs_tol=1e-12)
    assert torch.autograd.gradcheck(lambda x: class_loss(x, wanted, known), made)


def test_the_variance_is_equation_3() -> None:
    maps = torch.randn(3, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    known = there(BOXES)
    shares = inside(BOXES, 4, 4)
    for image, found in enumerate(variance_loss(maps, shares, known).tolist()):
        people = [person for person in range(3) if known[image, person]]
        total = 0.0
        for person in people:
            x1, y1, x2, y2 = (round(4 * side) for side in BOXES[image, person].tolist())
            for label in range(2):
                pixels = [maps[image, label, y, x].item() for y in range(y1, y2) for x in range(x1, x2)]
                mean = sum(pixels) / len(pixels)
                total += sum((pixel - mean) ** 2 for pixel in pixels) / len(pixels)
        assert math.isclose(found, total / len(people) if people else 0, abs_tol=1e-12)
    assert torch.autograd.gradcheck(lambda x: variance_loss(x, shares, known), maps)
