"""Affine maps with packed weights: what a network gives stays, in float64 to the rounding of float32."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.networks.products import Product, pack


class Mlp(nn.Module):
    """uses: how often the hidden layer's output goes on beside the activation."""

    def __init__(self, act: nn.Module, beside: bool = False) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(24, 96), nn.Linear(96, 24, bias=False)
        self.act, self.beside = act, beside

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.up(x)
        made: Tensor = x + self.down(self.act(hidden))
        return made + hidden[..., :24] if self.beside else made


class Scaled(nn.Linear):
    """A layer of another kind: it may do something else beside."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class ByWeight(nn.Module):
    """Takes a layer's weights and does not call it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(24, 24)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.layer.weight)


@pytest.mark.parametrize(
    ("parts", "products", "gelus"),
    [
        (lambda: [Mlp(nn.GELU()), nn.LayerNorm(24), Mlp(nn.GELU())], 4, 2),
        (lambda: [Mlp(nn.GELU(approximate="tanh"))], 2, 0),
        (lambda: [Mlp(nn.ReLU())], 2, 0),
        (lambda: [Mlp(nn.GELU(), beside=True)], 2, 0),
        (lambda: [Mlp(act := nn.GELU()), Mlp(act)], 4, 0),
        (lambda: [Mlp(nn.Sequential(nn.GELU(), nn.GELU()))], 2, 1),
        (lambda: [one := nn.Linear(24, 24), nn.GELU(), one], 1, 0),
        (lambda: [Scaled(24, 24), nn.GELU(), ByWeight()], 0, 0),
    ],
)
@pytest.mark.parametrize("shape", [(1, 24), (3, 24), (2, 37, 24)])
def test_what_a_network_gives_stays(
    parts: Callable[[], list[nn.Module]], products: int, gelus: int, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(*parts()).eval().requires_grad_(False)
    exact, x = copy.deepcopy(network).double(), torch.randn(shape)
    wanted = exact(x.double())
    assert pack(network, lambda: network(torch.zeros(2, 5, 24))) == products
    found = network(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)
    made = {one for one in network.modules() if isinstance(one, Product)}
    assert (len(made), sum(one.then[0] == "gelu" for one in made)) == (products, gelus)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "beit_base_patch16_224", "swin_tiny_patch4_window7_224"])
def test_transformers_of_timm(name: str) -> None:
    """BEiT reads the weights of a layer that it does not call."""
    torch.manual_seed(0)
    few = {"depths": (1, 1)} if "swin" in name else {"depth": 2}
    network = timm.create_model(name, num_classes=0, **few).eval().requires_grad_(False)
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        wanted = network(x)
        count = pack(network, lambda: network(x[:1]))
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-5)
    products = [one for one in network.modules() if isinstance(one, Product)]
    assert len(products) == count == {"v": 8, "b": 6, "s": 9}[name[0]]
    assert sum(one.then[0] == "gelu" for one in products) == 2
