"""An HRNet's last stage against timm's: untouched, one step on, and weights that are another network's."""

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.hrnet_tail import HRNetTail
from heads.blocks.layers import BatchNorm, generators

SEEDS = (0, 5)
PARTS = ("transition3.", "stage4.")


def network(name: str) -> nn.Module:
    """With running statistics and scales that are not those of the start."""
    torch.manual_seed(3)
    made = timm.create_model(name, features_only=True, feature_location="", out_indices=(1, 2, 3, 4))
    for module in made.double().eval().modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias):
                tensor.data.uniform_(-0.2, 0.2)
            for tensor in (module.running_var, module.weight):
                tensor.data.uniform_(0.5, 1.5)
    return made


def part(whole: nn.Module) -> dict[str, Tensor]:
    return {name: x for name, x in whole.state_dict().items() if name.startswith(PARTS)}


def packed(maps: list[Tensor]) -> Tensor:
    """By reshaping: 4 x 4 and 2 x 2 places as channels, and one."""
    found = []
    for x, side in zip(maps, (4, 2, 1), strict=True):
        n, c, h, w = x.shape
        places = x.reshape(n, c, h // side, side, w // side, side).permute(0, 1, 3, 5, 2, 4)
        found.append(places.reshape(n, c * side * side, h // side, w // side))
    return torch.cat(found, 1)


@pytest.mark.parametrize(("name", "width"), [("hrnet_w18_small", 16), ("hrnet_w32", 32)])
@torch.no_grad()
def test_untouched_it_gives_what_the_whole_network_gives(name: str, width: int) -> None:
    whole, caught = network(name), []
    whole.stage3.register_forward_hook(lambda _module, _inputs, output: caught.extend(output))
    image = torch.randn(2, 3, 64, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    last = whole(image)
    before = packed(caught)
    assert before.shape == (2, 28 * width, 4, 6)
    tail = HRNetTail(28 * width, generators(SEEDS)).double()
    tail.fill(part(whole))
    made = tail.train()(before.expand(2, *before.shape))
    assert tail.outputs == 15 * width == made.shape[2]
    coarse = torch.cat([F.adaptive_avg_pool2d(x, (2, 3)) for x in last], 1)
    for seed in range(2):
        torch.testing.assert_close(made[seed], coarse, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(made[seed].mean((2, 3)), torch.cat([x.mean((2, 3)) for x in last], 1))


@pytest.mark.parametrize("learn", [False, True])
def test_it_is_trained_as_timm_s_of_each_seed(learn: bool) -> None:
    whole = network("hrnet_w18_small")
    tail = HRNetTail(448, generators(SEEDS), learn).double()
    tail.fill(part(whole))
    tail.train()
    draw = torch.Generator().manual_seed(1)
    shapes = [(16, 8, 8), (32, 4, 4), (64, 2, 2)]
    maps = [torch.rand(2, 3, *shape, dtype=torch.float64, generator=draw) for shape in shapes]
    weights = torch.randn(2, 3, 240, dtype=torch.float64, generator=draw)
    before = torch.stack([packed([x[seed] for x in maps]) for seed in range(2)])
    (tail(before).mean((3, 4)) * weights).sum().backward()
    state = {name: x.clone() for name, x in whole.state_dict().items()}
    for seed in range(2):
        whole.load_state_dict(state)
        whole.zero_grad()
        (whole.transition3.train(learn), whole.stage4.train(learn))
        seen = [x[seed] for x in maps]
        found = whole.stage4([*seen, whole.transition3[3](seen[2])])
        (torch.cat([x.mean((2, 3)) for x in found], 1) * weights[seed]).sum().backward()
        for name, x in tail.blocks.named_parameters():
            torch.testing.assert_close(x.grad[seed], whole.get_parameter(name).grad)
        for name, module in tail.blocks.named_modules():
            if isinstance(module, BatchNorm):
                torch.testing.assert_close(module.mean[seed], whole.get_submodule(name).running_mean)
                torch.testing.assert_close(module.variance[seed], whole.get_submodule(name).running_var)


def test_weights_of_another_stage_are_refused() -> None:
    with pytest.raises(ValueError, match="another block: stage4"):
        HRNetTail(448, generators((0,))).fill(part(network("hrnet_w18_small_v2")))
