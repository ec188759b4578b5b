"""The relational head: eq. 5 and 8 of its parts, its switches, what it reads, and how it is set as published."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from toy_features import make_store

from cache.errors import ConfigError
from heads.blocks.object_attention import weighed
from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.evaluate import evaluate
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.head import CLASS, FLAGS, Taught, given
from heads.known_protocols import find
from heads.learning.optimiser import Optimiser
from heads.learning.rules import SGD
from heads.models.relational import Model

SEEDS = (0, 3)
SMALL = {"attention_heads": 2, "key": 3, "geometry_width": 8, "gate_hidden": 4, "graph_hidden": 5}
SHAPES = {"objects/features": (4, 7), "objects/boxes": (4, 4), "objects/count": ()}
WIDTHS = {"body50/pooled": 6, "pose/box": 4, **SHAPES}
LABELS = ("a", "b", "c")


def build(**values: Any) -> Model:
    settings = Model.config_of(values)(**SMALL | values)
    model = Model(settings, WIDTHS, {FLAGS: 3}, SEEDS).double()
    model.learn_from(Taught(LABELS, {FLAGS: torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float32)}))
    return model


def people(count: int = 5, shared: bool = False) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(2)
    seeds = 1 if shared else 2
    shapes = {name: (shape,) if isinstance(shape, int) else shape for name, shape in WIDTHS.items()}
    made = {name: torch.rand(seeds, count, *shape, generator=draw).double() for name, shape in shapes.items()}
    for name in ("pose/box", "objects/boxes"):
        made[name] = torch.cat([made[name][..., :2], made[name][..., :2] + made[name][..., 2:]], -1) * 100
    made["objects/count"] = (torch.arange(seeds * count).view(seeds, count) % 5).double()
    return {name: x.expand(2, *x.shape[1:]) for name, x in made.items()}


def test_the_parts_make_the_scores_as_the_equations_say() -> None:
    model, seen = build().eval(), people()
    output, weights = model(seen), model.attention(seen)
    person = model.gate(seen["body50/pooled"])
    around = torch.einsum("sbhm,sbmk->sbhk", weights, seen["objects/features"]).flatten(2)
    joined = torch.cat([person, torch.bmm(around, model.fuse.weight) + model.fuse.bias], 2)
    torch.testing.assert_close(given(output.embedding), joined)
    torch.testing.assert_close(given(output.logits), torch.bmm(joined, model.classifier.classifiers().mT))
    some = seen["objects/count"] > 0
    torch.testing.assert_close(weights.sum(-1), some[..., None].double().expand(2, 5, 2))


def test_what_lies_beyond_the_count_changes_nothing() -> None:
    model, seen = build().eval(), people()
    beyond = torch.arange(4) >= seen["objects/count"][..., None]
    other = seen | {
        name: torch.where(beyond[..., None], 1000.0, seen[name]) for name in ("objects/features", "objects/boxes")
    }
    torch.testing.assert_close(given(model(other).logits), given(model(seen).logits), rtol=0, atol=0)


def test_many_people_are_weighed_in_blocks_as_few_are() -> None:
    model, seen = build().eval(), people(600, shared=True)
    whole = given(model(seen).logits)
    part = given(model({name: x[:, 250:270] for name, x in seen.items()}).logits)
    torch.testing.assert_close(whole[:, 250:270], part, rtol=0, atol=1e-12)
    assert model.attention(seen).shape == (2, 600, 2, 4)


@pytest.mark.parametrize("eld", [True, False])
def test_training_takes_a_shorter_way_to_the_same_logits_and_gradients(eld: bool) -> None:
    """Against autograd on the long way: by it alone, and by the optimiser's own gradients of the big weights."""
    model, seen = build(eld=eld), people()
    wanted = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)).double()
    joined = torch.cat([model._person(seen), model._around(seen, model._person(seen), model.fuse)], 2)
    long = model.classifier(joined)
    parameters = dict(model.named_parameters())
    expected = torch.autograd.grad((long * wanted).sum(), list(parameters.values()))
    output = model(seen)
    assert output.embedding is None
    torch.testing.assert_close(given(output.logits), long)
    torch.testing.assert_close(
        torch.autograd.grad((given(output.logits) * wanted).sum(), list(parameters.values())), expected
    )
    before = {name: x.detach().clone() for name, x in parameters.items()}
    with Optimiser(model, 1.0, SGD(momentum=0.0)) as optimiser:
        optimiser.step((given(model(seen).logits) * wanted).sum())
    for (name, x), gradient in zip(parameters.items(), expected, strict=True):
        torch.testing.assert_close(before[name] - x.detach(), gradient)


def test_switches_leave_their_part_out() -> None:
    seen, plain = people(), build(boa=False, bpa=False, eld=False).eval()
    joined = given(plain(seen).embedding)
    assert torch.equal(joined[..., :6], seen["body50/pooled"])
    count = seen["objects/count"][..., None]
    kept = (torch.arange(4) < count)[..., None] * seen["objects/features"]
    mean = kept.sum(2) / count.clamp_min(1)
    torch.testing.assert_close(joined[..., 6:], torch.bmm(mean, plain.fuse.weight) + plain.fuse.bias)
    torch.testing.assert_close(weighed(plain.attention(seen), seen["objects/features"]).squeeze(2), mean)
    assert {name.partition(".")[0] for name, _ in plain.named_parameters()} == {"fuse", "classifier"}
    away = seen | {"objects/boxes": seen["objects/boxes"] + 500}
    assert torch.equal(*(given(build(geometry=False)(one).logits) for one in (seen, away)))
    assert not torch.equal(*(given(build()(one).logits) for one in (seen, away)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "body50/pooled pose/box objects/features objects/count objects/boxes"),
        ({"geometry": False}, "body50/pooled objects/features objects/count"),
        ({"boa": False}, "body50/pooled objects/features objects/count"),
        ({"objects": "objects4", "body": "clip/pooled", "boa": False}, "clip/pooled objects4/features objects4/count"),
    ],
)
def test_what_it_reads_follows_the_switches(values: dict[str, Any], expected: str) -> None:
    settings = Model.config_of(values)(**values)
    assert Model.inputs_of(settings) == tuple(expected.split())
    assert set(Model.arrays_of(settings)) == {name for name in Model.inputs_of(settings) if "objects" in name}


def test_the_loss_is_the_papers_unless_another_is_named() -> None:
    """Eq. 9 with 1 / ln(1.2 + p) for p of 2/3, 1/3, 1/3."""
    assert Model.config_of({})().weights == "fixed"
    assert "weights" not in Model.config_of({"loss": "bce"}).model_fields
    model, seen = build(), people()
    flags = (torch.rand(2, 5, 3) < 0.5).double()
    raw = [1 / torch.tensor(1.2 + share).log().item() for share in (2 / 3, 1 / 3, 1 / 3)]
    weights = torch.tensor(raw, dtype=torch.float64) / sum(raw)
    output = model(seen)
    expected = (weights * (given(output.logits) - flags) ** 2).sum(2).mean(1)
    torch.testing.assert_close(model.loss(output, {FLAGS: flags}), expected, rtol=1e-6, atol=0)


def test_caer_s_takes_the_face_and_no_label_graph() -> None:
    settings = cell("relational", find("single-label"), {}).recipe
    inputs = Model.inputs_of(settings)
    assert inputs[:2] == ("face_features/pooled", "face/box")
    widths = {"face_features/pooled": 6, "face/box": 4} | WIDTHS
    model = Model(settings, {name: widths[name] for name in inputs}, {CLASS: 3}, SEEDS)
    assert not hasattr(model.classifier, "adjacency")
    output = model(
        {name.replace("body50", "face_features").replace("pose", "face"): x.float() for name, x in people().items()}
    )
    wanted = torch.arange(10).view(2, 5) % 3
    found = model.terms(output, {CLASS: wanted})
    expected = [torch.nn.functional.cross_entropy(*pair) for pair in zip(given(output.logits), wanted, strict=True)]
    torch.testing.assert_close(found, {"class": torch.stack(expected)})


def test_it_says_what_stands_for_word_vectors() -> None:
    frozen = ("frozen backbones for fine-tuned ones",)
    assert build().approximates == (*frozen, "labels told by which stand together, for word vectors")
    assert build(eld=False).approximates == frozen == Model.approximates
    assert build(eld=False, embedding_weight=0.4).approximates == build().approximates


def test_a_width_that_cannot_be_waves_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"geometry_width: .* multiple of 8"):
        cell("relational", find("single-label"), {"geometry_width": 12})


def test_it_trains_on_a_store_and_scores_again_from_its_checkpoint(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", features=("body50", "wholebody", "objects"))
    values = SMALL | {"body": "body50", "person_box": "wholebody/box", "epochs": 2, "resamples": 10, "batch": 20}
    one = cell("relational", find("multilabel"), values)
    found = run(prepare(store, "demo", find("multilabel"), [one], "cpu"), one, range(2), tmp_path)
    kept = checkpoint.load(tmp_path / "relational.safetensors")
    assert kept.head.inputs == one.inputs
    assert [kept.about["shapes"][name] for name in one.inputs[2:]] == [[6, 12], [], [6, 4]]
    assert "labels told by which stand together, for word vectors" in found.row()["approximates"]
    assert evaluate(tmp_path / "relational.safetensors", store).metrics == found.row()["metrics"]
