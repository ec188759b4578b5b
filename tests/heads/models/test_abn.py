"""ABN: the thesis' streams with attention branches, against ``fusion`` on what the branches pool."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from heads.head import CLASS, DIMENSIONS, FLAGS, Taught
from heads.models import fusion
from heads.models.abn import Model

SEEDS = (0, 5)
SHAPES: dict[str, tuple[int, ...]] = {
    "body/pooled": (6,),
    "context/pooled": (5,),
    "body/map": (6, 3, 2),
    "context/map": (5, 2, 2),
    "face_features/pooled": (4,),
}


def head(kind: Any, sizes: dict[str, int], **values: Any) -> Any:
    config = kind.config_of(values)(**values)
    arrays = kind.arrays_of(config)
    widths = {name: SHAPES[name] if name in arrays else SHAPES[name][0] for name in kind.inputs_of(config)}
    return kind(config, widths, sizes, SEEDS).double()


def features() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {name: torch.randn(2, 6, *shape, dtype=torch.float64, generator=draw) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("attention", ["C", "BC"])
def test_it_is_fusion_of_what_the_branches_pool(attention: str) -> None:
    sizes, seen = {FLAGS: 4, DIMENSIONS: 3}, features()
    model = head(Model, sizes, streams="BCF", attention=attention, regression=(3,)).eval()
    plain = head(fusion.Model, sizes, streams="BCF", regression=(3,)).eval()
    plain.load_state_dict({name: x for name, x in model.state_dict().items() if not name.startswith("branches")})
    maps = model.attention(seen)
    assert set(maps) == {name for name in ("body/map", "context/map") if name[0].upper() in attention}
    for name, places in maps.items():
        weighted = (1 + places[:, :, None]) * seen[name]
        seen[name.replace("map", "pooled")] = weighted.flatten(3).mean(3)
    made, expected = model(seen), plain(seen)
    torch.testing.assert_close(made.logits, expected.logits)
    torch.testing.assert_close(made.dimensions, expected.dimensions)
    assert set(model.standardised()) == {name for name in model.inputs if name.endswith("pooled")}


def test_fusion_s_layers_start_as_without_branches() -> None:
    model, plain = head(Model, {FLAGS: 4}, streams="BCF"), head(fusion.Model, {FLAGS: 4}, streams="BCF")
    assert torch.equal(model.classifier.weight, plain.classifier.weight)
    assert not torch.equal(model.branches[0].first.weight.flatten()[:9], plain.classifier.weight.flatten()[:9])


@pytest.mark.parametrize("kind", [CLASS, FLAGS])
@pytest.mark.parametrize(("attention", "share"), [("C", 0.5), ("BC", 0.25)])
def test_each_branch_has_its_share_of_lambda(kind: str, attention: str, share: float) -> None:
    model = head(Model, {kind: 4}, streams="BC", attention=attention)
    seen, wanted = features(), torch.tensor([0, 1, 2, 3, 0, 1]).expand(2, 6)
    flags = F.one_hot(wanted, 4).double()
    found = model.terms(model(seen), {kind: wanted if kind == CLASS else flags})
    assert set(found) == {"class", "attention"}
    expected = torch.zeros(2, dtype=torch.float64)
    for name, branch in zip(model.arrays_of(model.config), model.branches, strict=True):
        logits = branch(seen[name]).logits
        for seed in range(2):
            one = F.binary_cross_entropy(logits[seed].sigmoid(), flags[seed])
            expected[seed] += share * (one if kind == FLAGS else F.cross_entropy(logits[seed], wanted[seed]))
    torch.testing.assert_close(found["attention"], expected)


def test_word_vectors_are_learned_beside_the_branches() -> None:
    model = head(Model, {FLAGS: 4}, streams="BC", stream=3, embedding_weight=0.4)
    flags = F.one_hot(torch.arange(6) % 4, 4).float()
    model.learn_from(Taught("abcd", {FLAGS: flags}))
    found = model.terms(model(features()), {FLAGS: flags.double().expand(2, 6, 4)})
    assert set(found) == {"class", "attention", "embedding"}


def test_other_maps_and_letters_without_any() -> None:
    config = Model.Config(streams="BC", context="context50", body="body50/map", attention="BC")
    assert Model.inputs_of(config) == ("body50/map", "context50/map")
    for given, text in [
        ({"attention": "F"}, "must be B, C or BC"),
        ({"attention": ""}, "without a branch the head is fusion"),
        ({"streams": "BF"}, "attention = C, but streams = BF has no C"),
    ]:
        with pytest.raises(ValidationError, match=text):
            Model.Config(**given)
