"""Batched layers against torch's own, one seed at a time."""

import pytest
import torch
from torch import nn

from heads.blocks.layers import BatchNorm, Linear, generators

SEEDS = (0, 3, 7)


def reference(inputs: int, outputs: int, seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(inputs, outputs)


def test_linear_starts_and_computes_as_torchs_linear_of_each_seed() -> None:
    layer, x = Linear(5, 4, generators(SEEDS)), torch.randn(3, 6, 5)
    for number, seed in enumerate(SEEDS):
        single = reference(5, 4, seed)
        torch.testing.assert_close(layer.weight[number].T, single.weight, rtol=0, atol=0)
        torch.testing.assert_close(layer.bias[number, 0], single.bias, rtol=0, atol=0)
        torch.testing.assert_close(layer(x)[number], single(x[number]))


def test_a_seed_starts_the_same_whoever_stands_beside_it() -> None:
    together, alone = Linear(5, 4, generators(SEEDS)), Linear(5, 4, generators(SEEDS[1:2]))
    assert torch.equal(together.weight[1:2], alone.weight)


def test_batch_norm_equals_torchs_per_seed_with_gradients_and_running_statistics() -> None:
    layer = BatchNorm(4, len(SEEDS)).double()
    singles = [nn.BatchNorm1d(4).double() for _ in SEEDS]
    for round_ in range(3):
        x = torch.randn(3, 8, 4, dtype=torch.float64, requires_grad=True)
        copy = x.detach().clone().requires_grad_()
        weights = torch.randn(3, 8, 4, dtype=torch.float64)
        out = layer(x)
        expected = torch.stack([single(part) for single, part in zip(singles, copy, strict=True)])
        torch.testing.assert_close(out, expected)
        (out * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(x.grad, copy.grad)
        for number, single in enumerate(singles):
            torch.testing.assert_close(layer.mean[number], single.running_mean, msg=f"round {round_}")
            torch.testing.assert_close(layer.variance[number], single.running_var)
    layer.eval()
    expected = torch.stack([single.eval()(part) for single, part in zip(singles, x, strict=True)])
    torch.testing.assert_close(layer(x), expected)


def test_batch_norm_refuses_a_batch_of_one_in_training() -> None:
    with pytest.raises(ValueError, match="more than 1 value"):
        BatchNorm(4, 1)(torch.ones(1, 1, 4))
