"""Affine maps with packed weights: what a network gives stays, in float64 to the rounding of float32."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pipeline.networks.products import Product, pack


class Mlp(nn.Module):
    def __init__(self, act: nn.Module, name: str) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(24, 96), nn.Linear(96, 24, bias=False)
        self.name = name
        setattr(self, name, act)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.fc2(getattr(self, self.name)(self.fc1(x)))
        return made


@pytest.mark.parametrize(
    ("act", "name", "joined"),
    [
        (nn.GELU(), "act", 2),
        (nn.GELU(), "activation_fn", 2),
        (nn.GELU(approximate="tanh"), "act", 0),
        (nn.ReLU(), "act", 0),
        (nn.GELU(), "other", 0),
    ],
)
@pytest.mark.parametrize("shape", [(1, 24), (3, 24), (2, 37, 24)])
def test_what_a_network_gives_stays(act: nn.Module, name: str, joined: int, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(Mlp(act, name), nn.LayerNorm(24), Mlp(act, name)).eval()
    exact: Callable[[Tensor], Tensor] = copy.deepcopy(network).double()
    x = torch.randn(shape)
    with torch.inference_mode():
        wanted = exact(x.double())
        found = pack(network, 37)(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)
    products = [one for one in network.modules() if isinstance(one, Product)]
    assert len(products) == 4
    assert sum(one.then == "gelu" for one in products) == joined
    assert not any(type(one) is nn.Linear for one in network.modules())


def test_a_subclass_is_left() -> None:
    """It may do something else beside."""

    class Twice(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    pack(network := nn.Sequential(Twice(4, 4)), 1)
    assert type(network[0]) is Twice
