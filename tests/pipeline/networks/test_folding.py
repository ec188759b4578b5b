"""Folding batch normalisations: what a network gives stays, and what must not be folded is left."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from pipeline.networks.folding import fold

NORMS = (nn.BatchNorm2d, FrozenBatchNorm2d)


def lived(network: nn.Module) -> nn.Module:
    """In evaluation mode, with statistics and gains as after training."""
    draw = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, NORMS) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(0, 0.3, generator=draw)
            module.running_var.uniform_(0.5, 2, generator=draw)
            for tensor, low, high in ((module.weight, 0.5, 1.5), (module.bias, -0.5, 0.5)):
                if tensor is not None:
                    tensor.data.uniform_(low, high, generator=draw)
    return network.eval()


def count(network: nn.Module) -> int:
    return sum(isinstance(module, NORMS) for module in network.modules())


def fill(network: nn.Sequential, gain: float) -> None:
    """weight 2, bias 1; mean 3, variance 4, ``gain``, shift 6."""
    first, norm = network
    for tensor, value in (
        (first.weight, 2.0),
        (first.bias, 1.0),
        (norm.running_mean, 3.0),
        (norm.running_var, 4.0),
        (norm.weight, gain),
        (norm.bias, 6.0),
    ):
        tensor.data.fill_(value)  # type: ignore[union-attr, operator]


def check(network: nn.Module, folded: int, left: int, batch: Tensor | None = None) -> nn.Module:
    """Fold a copy; it has to give what the network gives. Returns the copy."""
    batch = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) if batch is None else batch
    whole, other = lived(network), copy.deepcopy(network)
    assert fold(other, lambda: other(torch.zeros_like(batch[:1]))) == folded
    assert count(other) == left
    with torch.no_grad():
        expected, found = whole(batch), other(batch)
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    return other


@pytest.mark.parametrize(
    ("model", "folded", "left"),
    [("resnet18", 20, 0), ("mobilenet_v3_small", 34, 0), ("densenet121", 59, 62)],
)
def test_networks_of_torchvision(model: str, folded: int, left: int) -> None:
    """DenseNet's layers normalise first: there, half of them read what no convolution gave."""
    check(torchvision.models.get_model(model), folded, left)


@pytest.mark.parametrize(
    ("model", "folded", "left"),
    [
        ("tf_efficientnet_lite0", 49, 0),  # Conv2dSame
        ("regnety_002", 44, 0),
        ("mobilenetv3_small_050", 34, 0),
        ("densenetblur121d", 61, 62),
    ],
)
def test_networks_of_timm(model: str, folded: int, left: int) -> None:
    """Their normalisations have the activation in them, which stays."""
    check(timm.create_model(model, num_classes=0), folded, left)


def test_what_timms_normalisation_does_beside_stays() -> None:
    """(2 x + 1 - 3) / 2 * -5 + 6 = 11 - 5 x; then at least 0 and at most 6."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), BatchNormAct2d(1, eps=1e-12, act_layer=nn.ReLU6)).eval()
    fill(network, -5.0)
    assert fold(network, lambda: network(torch.zeros(1, 1, 2, 2))) == 1
    x = torch.tensor([0.0, 1.2, 2.0, 3.0]).view(1, 1, 2, 2)
    assert network(x).flatten().tolist() == pytest.approx([6.0, 5.0, 1.0, 0.0], abs=1e-5)


def test_frozen_normalisations() -> None:
    check(torchvision.models.resnet18(norm_layer=FrozenBatchNorm2d), 20, 0)


def test_by_hand() -> None:
    """(2 x + 1 - 3) / 2 * 5 + 6 = 5 x + 1."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=1e-12)).eval()
    fill(network, 5.0)
    first = network[0]
    assert fold(network, lambda: network(torch.zeros(1, 1, 2, 2))) == 1
    assert (first.weight.item(), first.bias.item()) == pytest.approx((5.0, 1.0))
    assert isinstance(network[1], nn.Identity)


class Made(nn.Module):
    """A convolution, a normalisation, and a way to use them."""

    def __init__(self, run: Callable[["Made", Tensor], Tensor], norm: nn.Module | None = None) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 3, 3, padding=1), norm or nn.BatchNorm2d(3)
        self.run = run

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


class Doubled(nn.BatchNorm2d):
    """Does more than its base."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def read_twice(self: Made, x: Tensor) -> Tensor:
    between: Tensor = self.convolution(x)
    return torch.as_tensor(self.norm(between) + between)


def read_through_a_view(self: Made, x: Tensor) -> Tensor:
    between: Tensor = self.convolution(x)
    return torch.as_tensor(self.norm(between)) + between.flatten(1).mean()


def convolution_used_twice(self: Made, x: Tensor) -> Tensor:
    return torch.as_tensor(self.norm(self.convolution(x))) + torch.as_tensor(self.convolution(x + 1))


def norm_used_twice(self: Made, x: Tensor) -> Tensor:
    return torch.as_tensor(self.norm(self.convolution(x))) + torch.as_tensor(self.norm(x))


def norm_first(self: Made, x: Tensor) -> Tensor:
    return torch.as_tensor(self.convolution(self.norm(x)))


def activation_between(self: Made, x: Tensor) -> Tensor:
    return torch.as_tensor(self.norm(torch.relu(self.convolution(x))))


def changed_in_place(self: Made, x: Tensor) -> Tensor:
    return torch.as_tensor(self.norm(torch.relu_(self.convolution(x))))


def one_after_the_other(self: Made, x: Tensor) -> Tensor:
    return torch.as_tensor(self.norm(self.convolution(x)))


@pytest.mark.parametrize(
    "run",
    [
        read_twice,
        read_through_a_view,
        convolution_used_twice,
        norm_used_twice,
        norm_first,
        activation_between,
        changed_in_place,
    ],
)
def test_what_would_change_the_function_is_left(run: Callable[[Made, Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    check(Made(run), 0, 1)


def test_only_plain_normalisations_with_statistics() -> None:
    torch.manual_seed(0)
    check(Made(one_after_the_other), 1, 0)
    check(Made(one_after_the_other, Doubled(3)), 0, 1)
    check(Made(one_after_the_other, nn.BatchNorm2d(3, track_running_stats=False)), 0, 1)
    check(Made(one_after_the_other, nn.BatchNorm2d(3, affine=False)), 1, 0)


def test_nothing_to_fold_is_not_even_run() -> None:
    def refuse() -> None:
        raise AssertionError

    assert fold(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()), refuse) == 0


def test_what_listens_still_hears_and_no_listener_is_left() -> None:
    network = torchvision.models.resnet18()
    heard: list[Tensor] = []
    network.layer4.register_forward_hook(lambda _, __, output: heard.append(output))
    fold(network, lambda: network(torch.zeros(1, 3, 64, 64)))
    network(torch.zeros(1, 3, 64, 64))
    assert len(heard) == 2
    assert sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()) == 1
