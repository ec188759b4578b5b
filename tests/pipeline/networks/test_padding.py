"""Paddings that are absorbed: the same values, for the size that was said and no other."""

import copy

import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from pipeline.networks.padding import Widened, absorb


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (4, 1), (5, 3), (2, 3)])
@pytest.mark.parametrize("size", [(12, 12), (13, 8)])
def test_as_timm_pads(kernel: int, stride: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(Conv2dSame(4, 8, kernel, stride, groups=4))
    x = torch.randn(2, 4, *size)
    expected = network(x)
    assert absorb(network, lambda: network(torch.zeros(1, 4, *size))) == 1
    torch.testing.assert_close(network(x), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=rf"made for inputs of \({size[0]}, {size[1]}\), got \(12, 9\)"):
        network(torch.zeros(1, 4, 12, 9))


def test_a_whole_network_and_only_its_depthwise_convolutions() -> None:
    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    other, x = copy.deepcopy(network), torch.randn(2, 3, 64, 96)
    assert absorb(other, lambda: other(x[:1])) == 4, "the first convolution is not depthwise"
    assert sum(type(one) is Widened for one in other.modules()) == 4
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(other(x), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_where_there_is_nothing_nothing_is_run() -> None:
    def refuse() -> None:
        raise AssertionError

    assert absorb(nn.Sequential(nn.Conv2d(3, 3, 1)), refuse) == 0
