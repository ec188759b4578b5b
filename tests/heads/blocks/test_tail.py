"""A ResNet's last block against torchvision's: untouched, one step on, with statistics that learn."""

import pytest
import torch
import torchvision
from torch import Tensor, nn

from heads.blocks.layers import BatchNorm, generators
from heads.blocks.tail import Tail

SEEDS = (0, 5)


def network(name: str) -> nn.Module:
    """With running statistics and scales that are not those of the start."""
    torch.manual_seed(3)
    made = torchvision.models.get_model(name).double().eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias):
                tensor.data.uniform_(-0.2, 0.2)
            for tensor in (module.running_var, module.weight):
                tensor.data.uniform_(0.5, 1.5)
    return made


def tail_of(block: nn.Module, channels: int, learn_statistics: bool = False, network: str = "") -> Tail:
    tail = Tail(channels, generators(SEEDS), learn_statistics, network)
    tail.double().fill(block.state_dict())
    return tail


@pytest.mark.parametrize(("name", "channels"), [("resnet18", 256), ("resnet34", 256), ("resnet50", 1024)])
def test_untouched_it_gives_the_network_s_own_pooled_vector(name: str, channels: int) -> None:
    whole = network(name)
    whole.fc = nn.Identity()
    caught: list[Tensor] = []
    whole.layer3.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    with torch.no_grad():
        image = torch.randn(2, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        pooled = whole(image)
        tail = tail_of(whole.layer4, channels, network=name if name == "resnet34" else "").train()
        made = tail(caught[0].expand(2, *caught[0].shape)).mean((3, 4))
    assert tail.outputs == pooled.shape[1]
    for seed in range(2):
        torch.testing.assert_close(made[seed], pooled, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("learn", [False, True])
def test_it_is_trained_as_torchvision_s_of_each_seed(learn: bool) -> None:
    block = network("resnet18").layer4
    tail = tail_of(block, 256, learn).train()
    block.train(learn)
    maps = torch.randn(2, 3, 256, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(2, 3, 512, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    (tail(maps) * weights).sum().backward()
    state = {name: x.clone() for name, x in block.state_dict().items()}
    for seed in range(2):
        block.load_state_dict(state)
        block.zero_grad()
        (block(maps[seed]) * weights[seed]).sum().backward()
        for name, parameter in block.named_parameters():
            torch.testing.assert_close(tail.blocks.get_parameter(name).grad[seed], parameter.grad)
        for name, module in tail.blocks.named_modules():
            if isinstance(module, BatchNorm):
                torch.testing.assert_close(module.mean[seed], block.get_submodule(name).running_mean)
                torch.testing.assert_close(module.variance[seed], block.get_submodule(name).running_var)


def test_weights_of_another_block_are_refused() -> None:
    tail = Tail(256, generators((0,)))
    with pytest.raises(ValueError, match=r"another block: 0\.bn3"):
        tail.fill(torchvision.models.resnet50().layer4.state_dict())
    with pytest.raises(ValueError, match=r"another block: 0\.conv1\.weight"):
        tail.fill(torchvision.models.resnet18().layer3.state_dict())
