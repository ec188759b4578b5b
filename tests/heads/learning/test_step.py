"""Steps from a recording give the bits of steps without one, and what cannot be recorded is not."""

import copy
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import torch
from losses_by_kind import ON_LABELS
from torch import Tensor
from torch.nn import functional as F

from cache import plugins
from heads.blocks.chosen import Chosen
from heads.blocks.layers import generators
from heads.head import CLASS, DIMENSIONS, FLAGS, Head, Output, Taught, given
from heads.inputs.samples import Samples
from heads.learning import sampling
from heads.learning.optimiser import Optimiser
from heads.learning.recording import record, recordable
from heads.learning.step import Step
from heads.learning.training import recipe
from heads.losses import triplet
from heads.models import fusion, linear, sem_ib_dml
from heads.models._affect_dml import AffectDML
from heads.protocols.one_shot import Protocol

WIDTHS = {"image/pooled": 12, "scene/pooled": 11, "body/pooled": 10, "sem2vec/presence": 8, "pose_vector/vector": 141}
OTHER_WIDTH = 9
SHAPES = {"map": (6, 3, 2), "boxes": (3, 4), "features": (3, 7), "count": (), "box": (4,)}
"""Of a row of an array that is no vector, by the array's word."""
SMALL = {"stream": 12, "semantic_hidden": 10, "fusion": 14, "embedding": 8}
FEW = {"attention_heads": 2, "key": 8, "geometry_width": 8, "graph_hidden": 16}
"""Of heads on objects and graphs."""
SEEDS, CLASSES = (0, 3), 5
NEVER = 1_000_000
ONE_CLASS, LABELS = {CLASS: CLASSES}, {FLAGS: CLASSES, DIMENSIONS: 3}


def shape(name: str) -> tuple[int, ...]:
    return SHAPES.get(name.partition("/")[2], (WIDTHS.get(name, OTHER_WIDTH),))


def samples(inputs: Sequence[str], sizes: Mapping[str, int] = ONE_CLASS) -> Samples:
    draw, labels = torch.Generator().manual_seed(0), torch.arange(100) % CLASSES
    features = {
        name: torch.randn(100, *shape(name), generator=draw) + labels.view(-1, *[1] * len(shape(name))) / 4
        for name in inputs
    }
    flags = ((torch.rand(100, CLASSES, generator=draw) < 0.3) | (torch.eye(CLASSES)[labels] > 0)).float()
    levels = torch.rand(100, 3, generator=draw).masked_fill(torch.rand(100, 3, generator=draw) < 0.1, torch.nan)
    every = {CLASS: labels.numpy(), FLAGS: flags.numpy(), DIMENSIONS: levels.numpy()}
    return Samples.of(features, np.arange(100), {kind: every[kind] for kind in sizes}, torch.device("cpu"))


def head_of(model: type[Head], sizes: Mapping[str, int] = ONE_CLASS, **values: object) -> Head:
    few = {key: value for key, value in FEW.items() if key in model.Config.model_fields}
    config = recipe(model, Protocol, (SMALL if issubclass(model, AffectDML) else few) | values, "test")
    torch.manual_seed(0)
    arrays = model.arrays_of(config)
    widths = {name: shape(name) if name in arrays else shape(name)[0] for name in model.inputs_of(config)}
    head = model(config, widths, sizes, SEEDS).train()
    head.learn_from(Taught([*"abcde"], samples([], sizes).targets))
    return head


def steps(head: Head, plain: int, count: int = 12, sizes: Mapping[str, int] = ONE_CLASS) -> tuple[Step, Tensor]:
    """The step after ``count`` of them, and all losses, (count, S)."""
    optimiser = Optimiser(head, 1e-2)
    step = Step(head, samples(head.inputs, sizes), optimiser, plain)
    labels = samples([]).targets[CLASS].numpy()
    draws = [sampling.epoch(labels, 4, 8, sampling.generator(seed)) for seed in SEEDS]
    torch.manual_seed(1)
    with optimiser:
        losses = [step(places) for places in torch.as_tensor(np.stack(draws, 1))[:count]]
    return step, torch.stack(losses)


def check_same_bits(head: Head, recorded: bool, sizes: Mapping[str, int] = ONE_CLASS) -> None:
    """With a try after two steps and without any, the head ends the same."""
    other = copy.deepcopy(head)
    step, losses = steps(head, 2, sizes=sizes)
    never, expected = steps(other, NEVER, sizes=sizes)
    assert (step.recorded is not None) is recorded
    assert never.recorded is None
    assert torch.equal(losses, expected)
    assert len(set(losses[:, 0].tolist())) == len(losses)
    for (name, one), two in zip(head.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two), name


CHANCY = ("amalgamated", "lma", "st_gcn", "tsn_flow", "tsn_rgb", "tsn_rgbdiff")
"""Heads that say of themselves that they are not recordable: all but one draw by chance in a step."""
HEADS = [name for name in plugins.names("heads.models") if name not in CHANCY]


def test_heads_that_draw_by_chance_are_not_recorded() -> None:
    assert not any(recordable([plugins.load("heads.models", name, "Model")]) for name in CHANCY)


@pytest.mark.parametrize("name", [name for name in HEADS if name != "random"])
def test_every_head_is_recorded_to_the_bit(name: str) -> None:
    check_same_bits(head_of(plugins.load("heads.models", name, "Model")), recorded=True)


@pytest.mark.parametrize("name", HEADS)
def test_every_head_of_labels_is_recorded_to_the_bit(name: str) -> None:
    model: type[Head] = plugins.load("heads.models", name, "Model")
    if FLAGS in model.learns and model.trains:
        check_same_bits(head_of(model, LABELS), recorded=True, sizes=LABELS)


@pytest.mark.parametrize("loss", ON_LABELS)
def test_every_loss_on_labels_is_recorded_to_the_bit(loss: str) -> None:
    check_same_bits(head_of(linear.Model, LABELS, loss=loss), recorded=True, sizes=LABELS)


def test_the_label_embedding_is_recorded_to_the_bit() -> None:
    values = {"stream": 6, "embedding_weight": 0.4, "pose": "gcn", "loss": "weighted_l2", "weights": "fixed"}
    check_same_bits(head_of(fusion.Model, LABELS, **values), recorded=True, sizes=LABELS)


@pytest.mark.parametrize("values", [{"activation": "relu"}, {"semantic": "area"}, {"extra": "scene/pooled"}])
def test_settings_of_the_network_are_recorded(values: dict[str, object]) -> None:
    if values.get("semantic") == "area":
        WIDTHS["sem2vec/area"] = 8
    check_same_bits(head_of(sem_ib_dml.Model, **values), recorded=True)


class Odd(sem_ib_dml.Model):
    """A head with something in its loss that a list of operations cannot repeat."""

    odd: Callable[["Odd", Output, Tensor], Tensor]

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """With one more."""
        return super().terms(output, targets) | {"odd": type(self).odd(self, output, targets[CLASS])}


def counting(head: Odd, output: Output, _: Tensor) -> Tensor:
    """Grows with every step."""
    head.calls = getattr(head, "calls", 0) + 1  # type: ignore[assignment]
    return given(output.logits).square().mean((1, 2)) * head.calls


def drawing(_: Odd, output: Output, __: Tensor) -> Tensor:
    """Dropout."""
    return F.dropout(given(output.logits), 0.5).square().mean((1, 2))


def looking(_: Odd, output: Output, labels: Tensor) -> Tensor:
    """Another loss for batches with a class in a certain place."""
    return given(output.logits).square().mean((1, 2)) * (2.0 if int(labels[0, 0]) > 1 else 1.0)


def remembering(head: Odd, output: Output, _: Tensor) -> Tensor:
    """Uses what the step before left in an attribute that is no buffer."""
    before = getattr(head, "memory", torch.zeros(()))
    head.memory = given(output.logits).detach().mean()
    return given(output.logits).square().mean((1, 2)) * (1 + before)


@pytest.mark.parametrize("odd", [counting, drawing, looking, remembering])
def test_a_subclass_with_code_of_its_own_is_not_recorded_unless_it_says_so(
    odd: Callable[[Odd, Output, Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "odd", staticmethod(odd), raising=False)
    check_same_bits(head_of(Odd), recorded=False)


@pytest.mark.parametrize("odd", [drawing, looking])
def test_a_head_that_says_so_wrongly_is_found_out_where_that_can_be_seen(
    odd: Callable[[Odd, Output, Tensor], Tensor], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Odd, "odd", staticmethod(odd), raising=False)
    monkeypatch.setattr(Odd, "recordable", True)
    assert steps(head_of(Odd), 2)[0].recorded is None
    assert ("its steps cannot be recorded" in caplog.text) == (odd is looking)


def test_code_says_for_itself_that_it_can_be_recorded() -> None:
    class Quiet(triplet.Loss):
        """Adds nothing."""

    class Changed(triplet.Loss):
        def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
            """Something else."""
            return super().forward(normalised, labels, chosen) * 2

    class Declared(Changed):
        recordable = True

    class Whole(Changed):
        recordable = True

        def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
            """On the shoulders of one that does not say."""
            return super().forward(normalised, labels, chosen)

    found = [recordable([kind]) for kind in (triplet.Loss, Quiet, Changed, Declared, Whole, Odd, sem_ib_dml.Model)]
    assert found == [True, True, False, False, False, False, True]
    head = head_of(sem_ib_dml.Model)
    assert recordable(head.parts())
    head.metric.loss = Changed(head.config, 8, CLASSES, generators(SEEDS))
    assert not recordable(head.parts())


def test_every_loss_and_miner_here_can_be_recorded() -> None:
    for folder, word in (("heads.losses", "Loss"), ("heads.miners", "Miner")):
        assert recordable(plugins.load(folder, name, word) for name in plugins.names(folder))


def test_a_recording_reads_tensors_where_they_are() -> None:
    weight = torch.ones(3)

    def work(features: Mapping[str, Tensor]) -> Tensor:
        return features["x"] * weight + features["x"].sum()

    recorded = record(work, {"x": torch.zeros(3)})
    weight.mul_(2)
    assert recorded({"x": torch.tensor([1.0, 2.0, 3.0])}).tolist() == [8.0, 10.0, 12.0]
