"""Convolutions of all seeds at once against torch's own, one seed at a time."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from heads.blocks.convolution import Conv1d, Conv2d
from heads.blocks.layers import BatchNorm, generators

SEEDS = (0, 3, 7)
CASES = [
    (Conv1d, nn.Conv1d, (9,), {"stride": 1, "padding": 1}),
    (Conv1d, nn.Conv1d, (9,), {"stride": 2, "padding": 0}),
    (Conv2d, nn.Conv2d, (6, 5), {"stride": 1, "padding": 1}),
    (Conv2d, nn.Conv2d, (6, 5), {"stride": 2, "padding": 1, "bias": False}),
]


def of_torch(kind: Any, seed: int, **given: Any) -> Any:
    torch.manual_seed(seed)
    return kind(5, 4, 3, **given)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("ours", "torchs", "sides", "given"), CASES)
def test_a_convolution_starts_computes_and_differentiates_as_torchs_of_each_seed(
    ours: Any, torchs: Any, sides: tuple[int, ...], given: dict[str, Any]
) -> None:
    layer = ours(5, 4, 3, generators(SEEDS), **given).double()
    singles = [of_torch(torchs, seed, **given).double() for seed in SEEDS]
    x = random(3, 2, 5, *sides).requires_grad_()
    copy = x.detach().clone().requires_grad_()
    out = layer(x)
    expected = torch.stack([single(part) for single, part in zip(singles, copy, strict=True)])
    torch.testing.assert_close(out, expected)
    weights = random(*out.shape)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(x.grad, copy.grad)
    for number, single in enumerate(singles):
        assert torch.equal(layer.weight[number], single.weight)
        torch.testing.assert_close(layer.weight.grad[number], single.weight.grad)
        if given.get("bias", True):
            assert torch.equal(layer.bias[number], single.bias)
            torch.testing.assert_close(layer.bias.grad[number], single.bias.grad)


@pytest.mark.parametrize(("torchs", "sides"), [(nn.BatchNorm1d, (9,)), (nn.BatchNorm2d, (3, 4))])
def test_batch_norm_of_maps_equals_torchs_per_seed(torchs: Any, sides: tuple[int, ...]) -> None:
    layer, singles = BatchNorm(4, len(SEEDS)).double(), [torchs(4).double() for _ in SEEDS]
    x = random(3, 2, 4, *sides).requires_grad_()
    copy = x.detach().clone().requires_grad_()
    out, expected = layer(x), torch.stack([one(part) for one, part in zip(singles, copy, strict=True)])
    torch.testing.assert_close(out, expected)
    weights = random(*out.shape)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(x.grad, copy.grad)
    for number, single in enumerate(singles):
        torch.testing.assert_close(layer.mean[number], single.running_mean)
        torch.testing.assert_close(layer.variance[number], single.running_var)
        torch.testing.assert_close(layer.weight.grad[number], single.weight.grad)
