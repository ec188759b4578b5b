"""Streams with their last block: ``fusion`` and ``abn`` on maps before it, against ``fusion`` on what it pools."""

from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.head import FLAGS, Taught
from heads.models import abn, fusion

SEEDS = (0, 5)
SHAPES: dict[str, tuple[int, ...]] = {
    "body/layer3": (256, 2, 2),
    "context/pooled": (512,),
    "context/map": (5, 2, 2),
    "body/pooled": (512,),
}
FROZEN = {"streams": "BC", "tailed": "B"}


def head(kind: Any, **values: Any) -> Any:
    config = kind.config_of(values)(**{**FROZEN, **values})
    arrays = kind.arrays_of(config)
    widths = {name: SHAPES[name] if name in arrays else SHAPES[name][0] for name in kind.inputs_of(config)}
    return kind(config, widths, {FLAGS: 4}, SEEDS)


@pytest.fixture(scope="module")
def block() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.resnet18().layer4.eval()


def started(model: Any, block: nn.Module) -> Any:
    model.learn_from(Taught("abcd", {FLAGS: torch.ones(3, 4)}, {"body/layer3": block.state_dict()}))
    return model


def features() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {name: torch.rand(2, 6, *shape, generator=draw) for name, shape in SHAPES.items()}


def pooled(block: nn.Module, maps: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.stack([block(one).mean((2, 3)) for one in maps])


def test_before_the_first_step_it_is_fusion_on_the_network_s_own_pooled_vector(block: nn.Module) -> None:
    model, plain, seen = started(head(fusion.Model, tail="layer4"), block), head(fusion.Model), features()
    assert model.inputs == ("body/layer3", "context/pooled")
    assert (model.arrays_of(model.config), model.standardised()) == (("body/layer3",), ("context/pooled",))
    assert torch.equal(model.classifier.weight, plain.classifier.weight)
    seen["body/pooled"] = pooled(block, seen["body/layer3"])
    torch.testing.assert_close(model.train()(seen).logits, plain.train()(seen).logits, rtol=1e-5, atol=1e-5)


def test_an_attention_branch_stands_before_the_block(block: nn.Module) -> None:
    model, plain = started(head(abn.Model, tail="layer4", attention="B"), block).eval(), head(fusion.Model).eval()
    plain.load_state_dict({name: x for name, x in model.state_dict().items() if name in plain.state_dict()})
    seen = features()
    places = model.attention(seen)["body/layer3"]
    seen["body/pooled"] = pooled(block, (1 + places[:, :, None]) * seen["body/layer3"])
    torch.testing.assert_close(model(seen).logits, plain(seen).logits, rtol=1e-5, atol=1e-5)


def test_a_branch_and_a_block_of_two_letters_read_two_kinds_of_maps() -> None:
    config = abn.Model.Config(**FROZEN, tail="layer4", attention="C")
    assert abn.Model.inputs_of(config) == ("body/layer3", "context/map")
    assert abn.Model.arrays_of(config) == ("body/layer3", "context/map")
    assert dict(abn.Model.blocks_of(config)) == {"body/layer3": "layer4"}


def test_a_block_that_cannot_be_is_told() -> None:
    with pytest.raises(ConfigError, match="tail = layer4 is for the letters B, and streams = C has none of them"):
        head(fusion.Model, tail="layer4", streams="C")
    config = fusion.Model.Config(**FROZEN, tail="layer4", body="body/map")
    with pytest.raises(ConfigError, match="body/map: has 512 channels; before a ResNet's last block there are 256"):
        fusion.Model(config, {"body/map": (512, 7, 7), "context/pooled": 512}, {FLAGS: 4}, SEEDS)
    config = fusion.Model.Config(**FROZEN, tail="stage4")
    with pytest.raises(ConfigError, match="body/stage3: has 256 channels; before an HRNet's last stage there are 448"):
        fusion.Model(config, {"body/stage3": (256, 7, 7), "context/pooled": 512}, {FLAGS: 4}, SEEDS)


def test_an_hrnet_s_last_stage_is_a_block_too() -> None:
    """On packed maps; before the first step, ``fusion`` on the means of what timm's gives."""
    network = timm.create_model("hrnet_w18_small", features_only=True, feature_location="", out_indices=(1, 2, 3, 4))
    block = {name: x for name, x in network.eval().state_dict().items() if name.startswith(("transition3.", "stage4."))}
    config = fusion.Model.Config(**FROZEN, tail="stage4")
    assert fusion.Model.inputs_of(config) == ("body/stage3", "context/pooled")
    model = fusion.Model(config, {"body/stage3": (448, 2, 2), "context/pooled": 512}, {FLAGS: 4}, SEEDS)
    plain = fusion.Model(fusion.Model.Config(**FROZEN), {"body/pooled": 240, "context/pooled": 512}, {FLAGS: 4}, SEEDS)
    model.learn_from(Taught("abcd", {FLAGS: torch.ones(3, 4)}, {"body/stage3": block}))
    draw = torch.Generator().manual_seed(1)
    maps = [torch.rand(6, *shape, generator=draw) for shape in ((16, 8, 8), (32, 4, 4), (64, 2, 2))]
    packed = torch.cat([F.pixel_unshuffle(x, 4 >> level) for level, x in enumerate(maps)], 1)
    with torch.no_grad():
        last = network.stage4([*maps, network.transition3[3](maps[2])])
    means = torch.cat([x.mean((2, 3)) for x in last], 1)
    context = torch.rand(2, 6, 512, generator=draw)
    made = model.train()({"body/stage3": packed.expand(2, *packed.shape), "context/pooled": context})
    expected = plain.train()({"body/pooled": means.expand(2, *means.shape), "context/pooled": context})
    torch.testing.assert_close(made.logits, expected.logits, rtol=1e-5, atol=1e-5)
