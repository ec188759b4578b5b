"""Amalgamated: people read out of maps, found without boxes, images turned round, images of nobody, a trained tail."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from cache.errors import ConfigError
from heads.blocks.layers import BatchNorm
from heads.head import BOXES, FLAGS, PEOPLE_CLASS, PEOPLE_FLAGS, Taught
from heads.models.amalgamated import Model

SEEDS = (0, 5)
SHAPES = {
    "hrnet_maps/c4": (4, 8, 12),
    "hrnet_maps/c8": (6, 4, 6),
    "hrnet_maps/c16": (5, 2, 3),
    "fer/c8": (3, 4, 6),
    "vea/c2": (2, 16, 24),
    "hrnet_maps/stage3": (28 * 16, 2, 4),
}
FEW = {"strides": "c4 c8 c16", "width": 4, "neck_blocks": 1, "blocks": 1, "extractor_blocks": 1, "common": 4}
TEACHERS = {"teachers": "fer/c8 vea/c2"}
KINDS = (PEOPLE_FLAGS, PEOPLE_CLASS)
EMOTIONS, MOST, IMAGES = 3, 4, 6
TERMS = ("emotion", "variance", "heat", "size", "feature", "reconstruction")


def head(kind: str = PEOPLE_FLAGS, seeds: tuple[int, ...] = SEEDS, **values: Any) -> Model:
    config = Model.Config(**(FEW | values))
    shapes = {name: SHAPES[name] for name in Model.inputs_of(config)}
    return Model(config, shapes, {BOXES: MOST, kind: EMOTIONS}, seeds).double()


def features() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {name: torch.randn(2, IMAGES, *shape, dtype=torch.float64, generator=draw) for name, shape in SHAPES.items()}


def told() -> dict[str, Tensor]:
    """Image b has b people, at most MOST; the last has nobody. Targets are of both kinds."""
    draw = torch.Generator().manual_seed(2)
    near = torch.rand(2, IMAGES, MOST, 2, generator=draw) * 0.6
    boxes = torch.cat([near, near + 0.05 + 0.35 * torch.rand(near.shape, generator=draw)], 3)
    flags = (torch.rand(2, IMAGES, MOST, EMOTIONS, generator=draw) < 0.4).float()
    chosen = torch.randint(EMOTIONS, (2, IMAGES, MOST), generator=draw)
    absent = torch.arange(MOST) >= torch.tensor([*range(IMAGES - 1), 0])[:, None]
    boxes[:, absent], chosen[:, absent] = torch.nan, -1
    return {BOXES: boxes, PEOPLE_FLAGS: flags, PEOPLE_CLASS: chosen}


def with_known_statistics(model: Model) -> Model:
    """In training, but with the normalisations of evaluation, so that both see the same."""
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.eval()
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_the_cost_of_images_is_the_loss_of_equation_9(kind: str) -> None:
    model, seen, wanted = head(kind, flips=False, **TEACHERS), features(), told()
    terms = with_known_statistics(model).terms(model(seen), wanted)
    assert tuple(terms) == TERMS
    model.eval()
    output = model({**seen, BOXES: wanted[BOXES], kind: wanted[kind]})
    assert {name for name, x in output._asdict().items() if x is not None} == model.gives
    torch.testing.assert_close(output.cost.mean(1)[:, 0], sum(terms.values()))


@pytest.mark.parametrize("term", TERMS)
def test_each_term_has_its_weight(term: str) -> None:
    seen, wanted = features(), told()
    plain, heavy = (head(flips=False, **TEACHERS, **{f"{term}_weight": weight}) for weight in (1, 2.5))
    before, after = (model.terms(model(seen), wanted) for model in (plain, heavy))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value * (2.5 if name == term else 1))


def test_gamma_is_as_published_and_the_first_heat_is_a_tenth() -> None:
    model = Model.Config()
    assert (model.size_weight, model.blocks, model.extractor_blocks) == (0.1, 4, 3)
    bias = head().networks.detection.outputs[0].last.bias
    assert bias.sigmoid().flatten().tolist() == pytest.approx([0.1, 0.1], abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_turned_image_trains_as_the_turned_maps_with_turned_boxes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, plain = head(kind, **TEACHERS), head(kind, flips=False, **TEACHERS)
    chosen = torch.arange(IMAGES).expand(2, -1) % 2 == torch.tensor([[0], [1]])
    monkeypatch.setattr(model.draws, "forward", lambda *_: torch.where(chosen, 0.2, 0.8))
    seen, wanted = features(), told()
    found = model.terms(model(seen), wanted)
    turned = {name: torch.where(chosen[..., None, None, None], x.flip(4), x) for name, x in seen.items()}
    x1, y1, x2, y2 = wanted[BOXES].double().unbind(3)
    boxes = torch.where(chosen[..., None, None], torch.stack([1 - x2, y1, 1 - x1, y2], 3), wanted[BOXES].double())
    torch.testing.assert_close(found, plain.terms(plain(turned), {**wanted, BOXES: boxes}))


def test_half_of_the_images_are_turned_each_seed_by_its_own_draw_and_none_where_it_is_judged() -> None:
    model = head()
    turned = model._turned(torch.zeros(2, 4000))
    assert turned.double().mean(1).tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    assert not torch.equal(*turned)
    seen = features()
    model.eval()
    assert torch.equal(model(seen).found, model(seen).found)


def test_people_are_the_means_of_the_maps_that_are_drawn() -> None:
    model, seen, wanted = head().eval(), features(), told()
    wanted[BOXES][:, 1, 0] = torch.tensor([0.25, 0.5, 0.75, 1])
    output, maps = model({**seen, BOXES: wanted[BOXES]}), model.looks(seen).classes[0]
    assert output.cost is None
    torch.testing.assert_close(output.people[:, 1, 0], maps.values[:, 1, :, 4:, 3:9].mean((2, 3)))
    assert output.people[:, -1].isnan().all()
    assert output.people[:, 3].isfinite().any(2).tolist() == [[True] * 3 + [False]] * 2
    assert maps.input == "hrnet_maps/c4"


def test_found_people_need_no_boxes_and_no_teachers() -> None:
    model, seen = head(detections=5, **TEACHERS).eval(), features()
    assert model.teachers_of(model.config) == ("fer/c8", "vea/c2")
    alone = {name: seen[name] for name in ("hrnet_maps/c4", "hrnet_maps/c8", "hrnet_maps/c16")}
    output = model(alone)
    assert output.people is None
    assert output.found.shape == (2, IMAGES, 5, 5 + EMOTIONS)
    torch.testing.assert_close(output.found, model({**seen, **told()}).found)
    box = output.found[1, 2, 0, :4]
    assert (box[2:] > box[:2]).all()
    read = model({**alone, BOXES: box.expand(2, IMAGES, 1, 4)}).people
    torch.testing.assert_close(output.found[1, 2, 0, 5:], read[1, 2, 0])
    with pytest.raises(KeyError, match="fer/c8"):
        model.train()(alone)


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_nobody_train_and_are_scored(kind: str) -> None:
    model, seen, wanted = head(kind), features(), told()
    wanted = {BOXES: torch.full_like(wanted[BOXES], torch.nan), kind: wanted[kind]}
    if kind == PEOPLE_CLASS:
        wanted[kind] = torch.full_like(wanted[kind], -1)
    terms = model.terms(model(seen), wanted)
    assert not terms["emotion"].any()
    assert not terms["variance"].any()
    assert not terms["size"].any()
    assert (terms["heat"] > 0).all()
    sum(terms.values()).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert model.eval()({**seen, **wanted}).cost.isfinite().all()


def test_its_gradients_are_finite_differences() -> None:
    model, seen, wanted = head(flips=False, **TEACHERS), features(), told()
    names = ["entries.1.convolution.weight", "neck.blocks.0.second.norm.weight", "space.align.2.weight"]
    names += ["emotion.outputs.0.last.weight", "detection.outputs.1.last.bias", "space.reduce.bias"]
    known = dict(model.networks.named_parameters())
    model.loss(model(seen), wanted).sum().backward()
    for name in names:
        numbers = known[name].data.view(-1)
        for place in (0, len(numbers) - 1):
            costs = []
            for step in (1e-6, -2e-6):
                numbers[place] += step
                costs.append(model.loss(model(seen), wanted).sum().item())
            numbers[place] += 1e-6
            assert known[name].grad is not None
            found = known[name].grad.view(-1)[place].item()
            assert found == pytest.approx((costs[0] - costs[1]) / 2e-6, rel=1e-4, abs=1e-6)


def test_without_detection_nobody_is_found_and_without_teachers_nothing_is_reproduced() -> None:
    model = head(detection=False)
    assert model.gives == {"people", "cost"}
    assert tuple(model.terms(model(features()), told())) == ("emotion", "variance")
    assert model.eval()({**features(), **told()}).found is None


def test_maps_finer_than_the_resolution_are_their_means() -> None:
    model, seen = head(strides="c4", resolution=4).eval(), features()
    assert model.networks.sides == (4, 4)
    means = seen["hrnet_maps/c4"].unflatten(4, (4, 3)).unflatten(3, (4, 2)).mean((4, 6))
    torch.testing.assert_close(model(seen).found, model({"hrnet_maps/c4": means}).found)


def test_a_trained_tail_starts_as_the_network_and_learns() -> None:
    model, word = head(tail="stage4", resolution=4), "hrnet_maps/stage3"
    assert model.inputs == (word,)
    assert model.blocks_of(model.config) == {word: "stage4"}
    draw = torch.Generator().manual_seed(3)
    weights = {
        name: 0.1 * torch.rand(x.shape[1:], generator=draw) for name, x in model.tail.blocks.state_dict().items()
    }
    ours = {"mean": "running_mean", "variance": "running_var"}
    split = {name: name.rpartition(".") for name in weights}
    named = {f"{path}.{ours.get(last, last)}": weights[name] for name, (path, _, last) in split.items()}
    model.learn_from(Taught([], {}, {word: named}))
    for name, x in model.tail.blocks.state_dict().items():
        torch.testing.assert_close(x, weights[name].double().expand_as(x))
    packed = features()[word].abs()
    maps = model.tail.eval().resolutions(packed)
    assert [x.shape[2:] for x in maps] == [(16, 8, 16), (32, 4, 8), (64, 2, 4), (128, 1, 2)]
    output = model.eval()({word: packed})
    expected = model.networks(maps, [], None)
    torch.testing.assert_close(model.looks({word: packed}).classes[0].values, expected.emotions)
    assert output.found.shape == (2, IMAGES, 30, 5 + EMOTIONS)
    model.train().loss(model({word: packed}), told()).sum().backward()
    assert all(p.grad[1].any() for p in model.tail.parameters())
    with pytest.raises(ConfigError, match=r"^hrnet_maps/stage3: the weights are those of another block"):
        model.learn_from(Taught([], {}, {word: {}}))


@pytest.mark.parametrize(
    ("values", "shape", "told_"),
    [
        ({}, (4,), r"^hrnet_maps/c4: a row is \(4,\); this head takes maps, \(c, h, w\)$"),
        ({"tail": "stage4"}, (30, 2, 2), r"^hrnet_maps/stage3: has 30 channels; before an HRNet's last stage there"),
        (
            {"tail": "stage4"},
            (448, 2, 3),
            r"^hrnet_maps/stage3: is 2 x 3; an HRNet's last stage halves it. Take images",
        ),
    ],
)
def test_other_inputs_are_refused_in_one_line(values: Any, shape: tuple[int, ...], told_: str) -> None:
    config = Model.Config(**(FEW | values))
    with pytest.raises(ConfigError, match=told_):
        Model(config, dict.fromkeys(Model.inputs_of(config), shape), {BOXES: 2, PEOPLE_FLAGS: 3}, (0,))


def test_other_settings_and_protocols_are_refused_in_one_line() -> None:
    with pytest.raises(ValidationError, match="common = 4 is not a multiple of 3, the teachers"):
        Model.Config(**(FEW | {"teachers": "a/c8 b/c8 c/c8"}))
    with pytest.raises(
        ConfigError, match=r"^the protocol teaches flags alone, this head tells all people of an image$"
    ):
        Model(Model.Config(), {}, {FLAGS: 3}, (0,))
    with pytest.raises(ConfigError, match="hrnet_maps/c4 is the input of two streams"):
        Model.inputs_of(Model.Config(**(FEW | {"teachers": "hrnet_maps/c4"})))


@pytest.mark.parametrize("values", [{}, {**TEACHERS, "width": 16, "common": 32}, {"detection": False, "blocks": 3}])
def test_what_a_step_holds_is_about_what_autograd_keeps(values: Any) -> None:
    model, seen = head(seeds=(0,), **values), {name: x[:1] for name, x in features().items()}
    others = {x.untyped_storage().data_ptr() for x in [*model.state_dict().values(), *seen.values()]}
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        store = x.untyped_storage()
        kept[store.data_ptr()] = store.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = model.loss(model(seen), {kind: x[:1] for kind, x in told().items()})
    assert loss.isfinite().all()
    held = sum(size for place, size in kept.items() if place not in others)
    assert model.held(IMAGES) == pytest.approx(held, rel=0.5)
