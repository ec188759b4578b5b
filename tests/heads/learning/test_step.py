"""Steps from a recording give the bits of steps without one, and what cannot be recorded is not."""

import copy
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cache import plugins
from heads.blocks.chosen import Chosen
from heads.blocks.layers import generators
from heads.head import CLASS, Head, Output, given
from heads.inputs.samples import Samples
from heads.learning import sampling
from heads.learning.optimiser import Optimiser
from heads.learning.recording import record, recordable
from heads.learning.step import Step
from heads.learning.training import recipe
from heads.losses import triplet
from heads.models import sem_ib_dml
from heads.models._affect_dml import AffectDML
from heads.protocols.one_shot import Protocol

WIDTHS = {"image/pooled": 12, "scene/pooled": 11, "body/pooled": 10, "sem2vec/presence": 8}
SMALL = {"stream": 12, "semantic_hidden": 10, "fusion": 14, "embedding": 8}
SEEDS, CLASSES = (0, 3), 5
NEVER = 1_000_000


def samples() -> Samples:
    draw, labels = torch.Generator().manual_seed(0), torch.arange(100) % CLASSES
    features = {
        name: torch.randn(100, width, generator=draw) + torch.eye(CLASSES, width)[labels]
        for name, width in WIDTHS.items()
    }
    return Samples.of(features, np.arange(100), {CLASS: labels.numpy()}, torch.device("cpu"))


def head_of(model: type[Head], **values: object) -> Head:
    config = recipe(model, Protocol, (SMALL if issubclass(model, AffectDML) else {}) | values, "test")
    torch.manual_seed(0)
    return model(config, {name: WIDTHS[name] for name in model.inputs_of(config)}, {CLASS: CLASSES}, SEEDS).train()


def steps(head: Head, plain: int, count: int = 12) -> tuple[Step, Tensor]:
    """The step after ``count`` of them, and all losses, (count, S)."""
    optimiser = Optimiser(head, 1e-2)
    step = Step(head, samples(), optimiser, plain)
    labels = samples().targets[CLASS].numpy()
    draws = [sampling.epoch(labels, 4, 8, sampling.generator(seed)) for seed in SEEDS]
    torch.manual_seed(1)
    with optimiser:
        losses = [step(places) for places in torch.as_tensor(np.stack(draws, 1))[:count]]
    return step, torch.stack(losses)


def check_same_bits(head: Head, recorded: bool) -> None:
    """With a try after two steps and without any, the head ends the same."""
    other = copy.deepcopy(head)
    step, losses = steps(head, 2)
    never, expected = steps(other, NEVER)
    assert (step.recorded is not None) is recorded
    assert never.recorded is None
    assert torch.equal(losses, expected)
    assert len(set(losses[:, 0].tolist())) == len(losses)
    for (name, one), two in zip(head.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two), name


@pytest.mark.parametrize("name", [name for name in plugins.names("heads.models") if name != "random"])
def test_every_head_is_recorded_to_the_bit(name: str) -> None:
    check_same_bits(head_of(plugins.load("heads.models", name, "Model")), recorded=True)


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
