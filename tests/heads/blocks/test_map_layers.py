"""Layers on wide maps: one seed alone is that seed among others; sides are changed as means and proportions."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from heads.blocks.convolution import Conv2d
from heads.blocks.layers import BatchNorm, generators
from heads.blocks.map_layers import MapOutput, resized

SEEDS = (3, 8)


def test_a_layer_of_one_seed_alone_is_what_it_is_among_others() -> None:
    x = torch.randn(2, 5, 3, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    convolution = Conv2d(3, 4, 3, generators(SEEDS), padding=1).double()
    together, apart = BatchNorm(3, 2).double(), BatchNorm(3, 2).double()
    every = convolution(x), together(x)
    for seed in range(2):
        torch.testing.assert_close(convolution.alone(x[seed], seed), every[0][seed])
        torch.testing.assert_close(apart.alone(x[seed], seed), every[1][seed])
    torch.testing.assert_close(apart.state_dict(), together.state_dict())
    torch.testing.assert_close(apart.eval().alone(x[1], 1), together.eval()(x)[1])


def test_an_output_is_a_convolution_a_normalisation_relu_and_one_of_1_x_1() -> None:
    layer = MapOutput(3, 2, generators(SEEDS)).double().eval()
    x = torch.randn(5, 3, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    hidden = F.relu(F.conv2d(x, layer.hidden.convolution.weight[1], padding=1) / (1 + 1e-5) ** 0.5)
    torch.testing.assert_close(layer(x, 1), F.conv2d(hidden, layer.last.weight[1], layer.last.bias[1]))


@pytest.mark.parametrize(("height", "width"), [(2, 3), (3, 6), (12, 18), (12, 2), (6, 6)])
def test_smaller_maps_are_means_and_turning_round_commutes(height: int, width: int) -> None:
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = resized(x, height, width)
    assert found.shape == (2, 3, height, width)
    torch.testing.assert_close(resized(x.flip(3), height, width), found.flip(3))
    torch.testing.assert_close(found.mean((2, 3)), x.mean((2, 3)), atol=0.3, rtol=0)
    if height <= 6 and width <= 6:
        blocks = x.numpy().reshape(2, 3, height, 6 // height, width, 6 // width).mean((3, 5))
        np.testing.assert_allclose(found.numpy(), blocks)
    level = torch.full((1, 1, 6, 6), 2.5)
    assert torch.equal(resized(level, height, width), torch.full((1, 1, height, width), 2.5))


def test_larger_maps_are_in_proportion_between_the_nearest_places() -> None:
    found = resized(torch.tensor([[[[0.0, 4.0]]]]), 1, 4)
    assert found.flatten().tolist() == [0, 1, 3, 4]
