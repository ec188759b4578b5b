"""Class activation maps of heads that read maps: sums by loops, and what they add to the logits."""

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor

from heads.head import FLAGS, ClassMaps, Taught
from heads.models import abn, caer_net, emoticon, fusion, ml_gcn

SEEDS = (0, 5)
LABELS = 3
SHAPES: dict[str, tuple[int, ...]] = {
    "body/pooled": (6,),
    "body/map": (6, 3, 2),
    "context/map": (5, 2, 2),
    "context/pooled": (5,),
    "body/layer3": (256, 3, 2),
    "face_features/pooled": (4,),
}


def head(kind: Any, **values: Any) -> Any:
    """In eval, with statistics of normalisations that a few steps would have left."""
    config = kind.config_of(values)(**values)
    arrays = kind.arrays_of(config)
    widths = {name: SHAPES[name] if name in arrays else SHAPES[name][0] for name in kind.inputs_of(config)}
    made = kind(config, widths, {FLAGS: LABELS}, SEEDS).double().eval()
    draw = torch.Generator().manual_seed(3)
    for name, x in made.named_buffers():
        if name.endswith(("mean", "variance")):
            x.copy_(torch.rand(x.shape, generator=draw, dtype=x.dtype) * 0.1 + 0.05)
    return made


def features(model: Any) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {name: torch.rand(2, 2, *SHAPES[name], dtype=torch.float64, generator=draw) for name in model.inputs}


@torch.no_grad()
def looks(model: Any, seen: dict[str, Tensor]) -> Any:
    return model.looks(seen)


def by_loops(weights: Tensor, places: Tensor) -> Tensor:
    """weights: (S, C, c). places: (S, B, c, h, w)."""
    seeds, people, channels, high, wide = places.shape
    out = torch.zeros(seeds, people, weights.shape[1], high, wide, dtype=places.dtype)
    for s in range(seeds):
        for b in range(people):
            for k in range(weights.shape[1]):
                for y in range(high):
                    for x in range(wide):
                        out[s, b, k, y, x] = sum(weights[s, k, c] * places[s, b, c, y, x] for c in range(channels))
    return out


def test_of_a_trained_block_it_is_the_class_s_weights_times_what_the_block_gives() -> None:
    """The block by torchvision, the sums by loops; the mean over places is what the stream adds to the logit."""
    torch.manual_seed(0)
    block = torchvision.models.resnet18().layer4.double().eval()
    model = head(fusion.Model, streams="BF", tail="layer4")
    model.learn_from(Taught("abc", {FLAGS: torch.ones(3, LABELS)}, {"body/layer3": block.state_dict()}))
    seen = features(model)
    (found,) = looks(model, seen).classes
    assert (found.input, found.of, found.exact) == ("body/layer3", "", True)
    with torch.no_grad():
        last = torch.stack([block(one) for one in seen["body/layer3"]])
    weight = model.classifier.weight.detach()
    weight = weight if weight.shape[1] == LABELS else weight.mT
    torch.testing.assert_close(found.values, by_loops(weight[..., :512], last))
    without = {**seen, "body/pooled": torch.zeros(2, 2, 512, dtype=torch.float64)}
    plain = model.classifier(torch.cat([without["body/pooled"], seen["face_features/pooled"]], 2))
    torch.testing.assert_close(found.values.mean((3, 4)), model(seen).logits - plain)


def test_abn_has_those_of_its_answer_and_of_its_branch() -> None:
    model = head(abn.Model, streams="BC", attention="BC", regression=())
    seen = features(model)
    found = looks(model, seen)
    assert [(one.input, one.of, one.exact) for one in found.classes] == [
        ("body/map", "", True),
        ("context/map", "", True),
        ("body/map", "attention branch", True),
        ("context/map", "attention branch", True),
    ]
    weight = model.classifier.weight.detach()
    weight = weight if weight.shape[1] == LABELS else weight.mT
    for one, part in zip(found.classes, (slice(6), slice(6, 11)), strict=False):
        weighted = (1 + found.maps[one.input][:, :, None]) * seen[one.input]
        torch.testing.assert_close(one.values, by_loops(weight[..., part], weighted))
    for one, branch in zip(found.classes[2:], model.branches, strict=True):
        torch.testing.assert_close(one.values.mean((3, 4)), branch(seen[one.input]).logits)


def test_a_branch_before_a_block_counts_in_what_the_block_gives() -> None:
    """All of the logit but its bias comes from the one stream."""
    model = head(abn.Model, streams="B", attention="B", tail="layer4", tailed="B")
    seen = features(model)
    answer, own = looks(model, seen).classes
    assert (answer.exact, own.of) == (True, "attention branch")
    bias = model.classifier.bias.detach().reshape(2, 1, LABELS)
    assert (answer.values.mean((3, 4)).abs() > 1e-3).all()
    torch.testing.assert_close(answer.values.mean((3, 4)) + bias, model(seen).logits)


def test_a_label_graph_s_classifiers_are_weights_too() -> None:
    model = head(ml_gcn.Model, streams="BC", tail="layer4", tailed="B", graph_hidden=4)
    seen = features(model)
    found = looks(model, seen)
    (one,) = found.classes
    assert one.exact
    assert found.graph.shape == (2, LABELS, LABELS)
    expected = by_loops(model.classifier.classifiers().detach()[..., :512], model.last_maps(seen)["body/layer3"])
    assert (expected.abs().amax((3, 4)) > 1e-3).all()
    torch.testing.assert_close(one.values, expected)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (abn.Model, {"streams": "C", "stream": 4, "regression": ()}),
        (caer_net.Model, {"stream": 4, "hidden": 3, "attended": True}),
        (emoticon.Model, {"streams": "FC", "hidden": 3}),
    ],
)
def test_where_layers_are_not_linear_it_is_the_linear_share(kind: Any, values: dict[str, Any]) -> None:
    """The mean over places is the logits' slope when all that is pooled grows: by differences, and not called a class
    activation map."""
    model = head(kind, **values)
    seen = features(model)
    found: ClassMaps = looks(model, seen).classes[0]
    assert (found.input, found.of, found.exact) == ("context/map", "", False)
    step = 1e-6
    more, less = (_pooled_grown(model, seen, 1 + by) for by in (step, -step))
    torch.testing.assert_close(found.values.mean((3, 4)), (more - less) / (2 * step), rtol=1e-4, atol=1e-7)


@torch.no_grad()
def _pooled_grown(model: Any, seen: dict[str, Tensor], by: float) -> Tensor:
    """The logits, with ``by`` times what is pooled of the context's maps."""
    maps = model.attention(seen)["context/map"][:, :, None]
    x = seen["context/map"]
    if isinstance(model, caer_net.Model):
        return model.classifier(model._embedding(seen["face_features/pooled"], by * (x * maps).sum((3, 4))))
    pooled = by * ((1 + maps) * x).mean((3, 4))
    if isinstance(model, abn.Model):
        return model.classifier(model.encoders[0](pooled))
    scores = {"F": model.streams["F"](seen["face_features/pooled"]), "C": model.streams["C"](pooled)}
    return model.classifier(model._embedding(scores))
