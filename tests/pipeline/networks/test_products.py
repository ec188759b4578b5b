"""Affine maps with packed weights: what a network gives stays, in float64 to the rounding of float32."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from pipeline.networks.products import LEAST, Product, pack

WIDE = LEAST


class Mlp(nn.Module):
    """beside: the hidden layer's output goes on beside the activation."""

    def __init__(self, act: nn.Module, beside: bool = False) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(WIDE, 3 * WIDE), nn.Linear(3 * WIDE, WIDE, bias=False)
        self.act, self.beside = act, beside

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.up(x)
        made: Tensor = x + self.down(self.act(hidden))
        return made + hidden[..., :WIDE] if self.beside else made


class Scaled(nn.Linear):
    """A layer of another kind: it may do something else beside."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class ByWeight(nn.Module):
    """Takes a layer's weights, and calls it too, or does not."""

    def __init__(self, calls: bool) -> None:
        super().__init__()
        self.layer, self.calls = nn.Linear(WIDE, WIDE), calls

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.layer(x) if self.calls else x
        return F.linear(made, self.layer.weight)


class Aliases(nn.Module):
    """Calls a layer and its activation by their second names, or gives the layer's output beside."""

    def __init__(self, beside: bool = False) -> None:
        super().__init__()
        self.first = self.second = nn.Linear(WIDE, WIDE)
        self.act = self.activation = nn.GELU()
        self.beside = beside

    def forward(self, x: Tensor) -> Tensor:
        made = self.second(x)
        act: Tensor = self.activation(made)
        return torch.cat([made, act], -1) if self.beside else act


class Two(nn.Module):
    """Gives a layer's output and that of GELU: being given is no reading."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.act = nn.Linear(WIDE, WIDE), nn.GELU()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        made = self.layer(x)
        return made, self.act(made)


@pytest.mark.parametrize(
    ("parts", "products", "gelus"),
    [
        (lambda: [Mlp(nn.GELU()), nn.LayerNorm(WIDE), Mlp(nn.GELU())], 4, 2),
        (lambda: [Mlp(nn.GELU(approximate="tanh"))], 2, 0),
        (lambda: [Mlp(nn.ReLU())], 2, 0),
        (lambda: [Mlp(nn.GELU(), beside=True)], 2, 0),
        (lambda: [Mlp(act := nn.GELU()), Mlp(act)], 4, 0),
        (lambda: [Mlp(nn.Sequential(nn.GELU(), nn.GELU()))], 2, 1),
        (lambda: [one := nn.Linear(WIDE, WIDE), nn.GELU(), one], 1, 0),
        (lambda: [Scaled(WIDE, WIDE), nn.GELU(), ByWeight(calls=False)], 0, 0),
        (lambda: [nn.Linear(WIDE, WIDE), ByWeight(calls=True)], 0, 0),
        (lambda: [nn.Linear(WIDE, WIDE - 1), nn.GELU(), nn.Linear(WIDE - 1, WIDE)], 0, 0),
        (lambda: [Aliases()], 1, 1),
        (lambda: [Aliases(beside=True)], 1, 0),
        (lambda: [Two()], 0, 0),
        (lambda: [nn.TransformerEncoderLayer(WIDE, 2, batch_first=True)], 0, 0),
    ],
)
@pytest.mark.parametrize("shape", [(1, WIDE), (3, WIDE), (2, 37, WIDE)])
def test_what_a_network_gives_stays(
    parts: Callable[[], list[nn.Module]], products: int, gelus: int, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(*parts()).eval().requires_grad_(False)
    exact, x = copy.deepcopy(network).double(), torch.randn(shape)
    wanted, example = exact(x.double()), torch.randn(2, 5, WIDE)
    assert pack(network, lambda: network(example)) == products
    found = network(x)
    for one, right in zip(tree_leaves(found), tree_leaves(wanted), strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one.double(), right, rtol=1e-5, atol=1e-5)
    made = {one for one in network.modules() if isinstance(one, Product)}
    assert (len(made), sum(one.then[0] == "gelu" for one in made)) == (products, gelus)


@pytest.mark.parametrize(
    ("name", "depth", "products", "gelus"),
    [
        ("vit_tiny_patch16_224", {"depth": 2}, 8, 2),
        ("beit_base_patch16_224", {"depth": 2}, 6, 2),  # it reads the weights of a layer that it does not call
        ("swin_tiny_patch4_window7_224", {"depths": (1, 1)}, 5, 1),  # its first block is too narrow
    ],
)
def test_transformers_of_timm(name: str, depth: dict[str, Any], products: int, gelus: int) -> None:
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=0, **depth).eval().requires_grad_(False)
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        wanted = network(x)
        count = pack(network, lambda: network(x[:1]))
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-5)
    found = [one for one in network.modules() if isinstance(one, Product)]
    assert len(found) == count == products
    assert sum(one.then[0] == "gelu" for one in found) == gelus
