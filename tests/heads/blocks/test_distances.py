"""Lengths and distances with their own gradients, against torch's."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.distances import pairwise, unit


def drawn(*shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def gradients(one: Tensor, two: Tensor, x: Tensor, weights: Tensor) -> list[Tensor]:
    return [torch.autograd.grad((result * weights).sum(), x)[0] for result in (one, two)]


def test_unit_is_torchs_normalize_with_its_gradient() -> None:
    x = (drawn(2, 6, 5) * torch.tensor([1e-9, 1, 1e9, 3, 1e-3, 7], dtype=torch.float64)[:, None]).requires_grad_()
    torch.testing.assert_close(unit(x), F.normalize(x, dim=2))
    ours, theirs = gradients(unit(x), F.normalize(x, dim=2), x, drawn(2, 6, 5))
    length = x.norm(dim=2, keepdim=True)
    torch.testing.assert_close(ours * length, theirs * length, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("length", [0.0, 1e-14])
def test_unit_of_next_to_nothing_is_torchs_too(length: float) -> None:
    x = (F.normalize(drawn(1, 3, 4), dim=2) * length).requires_grad_()
    torch.testing.assert_close(unit(x), F.normalize(x, dim=2), rtol=1e-9, atol=0)
    ours, theirs = gradients(unit(x), F.normalize(x, dim=2), x, drawn(1, 3, 4))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=0)


def test_pairwise_is_the_distance_of_every_two_with_its_gradient() -> None:
    x = drawn(2, 5, 4).requires_grad_()
    loop = torch.stack([torch.stack([torch.stack([(a - b).norm() for b in one]) for a in one]) for one in x])
    torch.testing.assert_close(pairwise(x), loop)
    ours, theirs = gradients(pairwise(x), loop, x, drawn(2, 5, 5))
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_equal_samples_have_no_distance_and_no_gradient() -> None:
    x = drawn(1, 1, 4).expand(1, 3, 4).clone().requires_grad_()
    assert torch.equal(pairwise(x), torch.zeros(1, 3, 3, dtype=torch.float64))
    pairwise(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.zeros_like(x))


@pytest.mark.parametrize("apart", [1e-2, 1e-4, 1e-6])
def test_close_neighbours_push_each_other_in_the_right_direction(apart: float) -> None:
    x = F.normalize(drawn(1, 32, 128), dim=2)
    x[0, 1] = x[0, 0] + apart * F.normalize(drawn(1, 128), dim=1)[0]
    x, weights = x.float(), drawn(1, 32, 32).float()
    ours, exact = x.clone().requires_grad_(), x.double().requires_grad_()
    (pairwise(ours) * weights).sum().backward()
    found = (exact[:, :, None] - exact[:, None]).square().sum(3)
    ((found + torch.eye(32, dtype=torch.float64)).sqrt() * weights * (1 - torch.eye(32))).sum().backward()
    assert ours.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(ours.grad, exact.grad.float(), rtol=1e-4, atol=1e-5)
