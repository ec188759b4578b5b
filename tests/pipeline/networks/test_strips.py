"""Strips against the same layers on the whole map."""

import pytest
import torch
from torch import nn

from pipeline.networks.strips import Strips


@pytest.mark.parametrize("height", [1, 31, 32, 33, 64, 100])
def test_strips_are_the_whole(height: int) -> None:
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1)]
    x = torch.randn(2, 3, height, 17).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        first, *after = layers
        torch.testing.assert_close(Strips(first, *after)(x), nn.Sequential(*layers)(x), rtol=0, atol=1e-6)
