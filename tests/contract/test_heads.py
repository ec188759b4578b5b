"""One suite over every head: shapes, gradients, independence of batch mates and of the other seeds."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from small_heads import FEW, KNOWN, learns, shape
from torch import Tensor
from tried import tried

from cache import plugins
from heads.head import (
    BOXES,
    CLASS,
    DIMENSIONS,
    FLAGS,
    PEOPLE_CLASS,
    PEOPLE_FLAGS,
    ROW,
    SCORES,
    Head,
    Output,
    Taught,
)
from heads.learning.training import Recipe, recipe
from heads.models._categorical import Categorical
from heads.protocols.one_shot import Protocol

SEEDS = (0, 4, 9)
HEADS = tried("heads.models")
TARGETS = {
    CLASS: (torch.arange(9) % 3).expand(3, 9),
    FLAGS: (torch.rand(9, 6, generator=torch.Generator().manual_seed(1)) < 0.4).double().expand(3, 9, 6),
    DIMENSIONS: torch.rand(9, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    .masked_fill(torch.arange(27).view(9, 3) % 5 == 0, torch.nan)
    .expand(3, 9, 3),
    SCORES: torch.rand(9, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64).expand(3, 9, 6),
    BOXES: torch.tensor([[0, 0, 0.5, 0.7], [0.3, 0.4, 0.9, 1], [torch.nan] * 4]).expand(3, 9, 3, 4),
    PEOPLE_FLAGS: (torch.rand(9, 3, 6, generator=torch.Generator().manual_seed(4)) < 0.4).float().expand(3, 9, 3, 6),
    PEOPLE_CLASS: torch.tensor([2, 4, -1]).expand(3, 9, 3),
}
GIVEN = (BOXES, PEOPLE_FLAGS, PEOPLE_CLASS)
"""What heads of whole images find among their features."""


TASKS = [(name, sizes) for name in HEADS for sizes in KNOWN if learns(name, sizes)]


def build(
    name: str, seeds: tuple[int, ...] = SEEDS, sizes: Mapping[str, int] | None = None, **values: Any
) -> tuple[Head, Recipe]:
    """sizes: of a task; None: of one that it can learn."""
    sizes = sizes or next(known for known in KNOWN if learns(name, known))
    model: type[Head] = plugins.load("heads.models", name, "Model")
    few = {key: value for key, value in FEW.items() if key in model.Config.model_fields}
    settings = recipe(model, Protocol, few | values, "test")
    arrays = model.arrays_of(settings)
    widths = {key: shape(key, arrays) if key in arrays else shape(key)[0] for key in model.inputs_of(settings)}
    return model(settings, widths, sizes, seeds).double(), settings


def batch(head: Head, size: int = 9) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    arrays = head.arrays_of(head.config) if isinstance(head, Categorical) or BOXES in head.learns else ()
    shapes = [shape(name, arrays) for name in head.inputs]
    made = [torch.randn(3, size, *each, generator=draw, dtype=torch.float64) for each in shapes]
    values = dict(zip(head.inputs, made, strict=True))
    given = {kind: TARGETS[kind] for kind in GIVEN} if BOXES in head.learns else {}
    return values | given | {ROW: torch.arange(100, 100 + size).expand(3, size)[..., None]}


def one(features: dict[str, Tensor], seed: slice, rows: slice) -> dict[str, Tensor]:
    return {name: x[seed, rows] for name, x in features.items()}


def made(output: Output) -> list[Tensor]:
    """The fields that the head fills for others, zeros where nobody is."""
    return [x.nan_to_num(0) for x in output._replace(aside=None) if x is not None]


def targets(sizes: Mapping[str, int]) -> dict[str, Tensor]:
    return {kind: TARGETS[kind] for kind in sizes}


def taught(sizes: Mapping[str, int]) -> Taught:
    return Taught([*"abcdef"], {kind: x[0] for kind, x in targets(sizes).items()})


@pytest.fixture(params=HEADS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=TASKS, ids=lambda task: "-".join([task[0], *task[1]][: None if FLAGS in task[1] else 1]))
def task(request: pytest.FixtureRequest) -> Any:
    """A head's name, and the sizes of a task that it can learn."""
    return request.param


def test_inputs_are_features_arrays(name: str) -> None:
    head, _ = build(name)
    assert all(word.count("/") == 1 for word in head.inputs)
    assert head.inputs == head.inputs_of(build(name)[1])
    assert set(head.standardised()) <= set(head.inputs)
    assert set(head.teachers_of(build(name)[1])) <= set(head.inputs)
    assert type(head).__doc__


def test_shapes_are_seeds_by_batch(task: Any) -> None:
    head, _ = build(task[0], sizes=task[1])
    learned, output = head(batch(head)), head.eval()(batch(head))
    assert {field for field, x in learned._asdict().items() if x is not None} - {"aside"} <= head.gives
    assert {field for field, x in output._asdict().items() if x is not None} - {"aside"} == head.gives
    assert head.gives <= type(head).gives
    for x in (*made(learned), *made(output)):
        assert x.shape[:2] == (3, 9)
        assert torch.isfinite(x).all()
    for x in (output.embedding, output.logits, output.dimensions, output.cost):
        assert x is None or x.ndim == 3
    if output.logits is not None:
        assert output.logits.shape == (3, 9, 6)
    if output.dimensions is not None:
        assert output.dimensions.shape == (3, 9, 3)
    if output.people is not None:
        assert output.people.shape == (3, 9, 3, 6)
        assert output.people.isfinite().all(3).tolist() == [[[True, True, False]] * 9] * 3
    if output.found is not None:
        assert output.found.shape[3] == 5 + 6
        assert ((output.found[..., :5] >= 0) & (output.found[..., :5] <= 1)).all()


def test_what_it_learns_gives_and_approximates_are_known_words(name: str) -> None:
    model: type[Head] = plugins.load("heads.models", name, "Model")
    assert model.learns
    assert model.learns <= {CLASS, FLAGS, DIMENSIONS, SCORES, *GIVEN}
    assert model.gives
    assert model.gives <= set(Output._fields) - {"aside"}
    assert all(isinstance(word, str) and word for word in model.approximates)


def test_every_tensor_of_the_state_has_the_seeds_first(task: Any) -> None:
    head, _ = build(task[0], sizes=task[1])
    before = {key: tensor.shape for key, tensor in head.state_dict().items()}
    head.learn_from(taught(task[1]))
    assert {key: tensor.shape for key, tensor in head.state_dict().items()} == before
    assert all(shape[0] == 3 for shape in before.values())
    alone = build(task[0], (1,), task[1])[0]
    assert head.parameter_count() == sum(x.numel() for x in alone.parameters())


def test_a_sample_does_not_depend_on_its_batch_mates_in_evaluation(task: Any) -> None:
    head = build(task[0], sizes=task[1])[0].eval()
    features = batch(head)
    outputs = (head(features), head(one(features, slice(None), slice(2, 5))), head(features))
    for whole, part, again in zip(*map(made, outputs), strict=True):
        torch.testing.assert_close(whole[:, 2:5], part, rtol=0, atol=1e-12)
        torch.testing.assert_close(whole, again, rtol=0, atol=0)


def test_a_seed_alone_computes_what_it_computes_among_others(task: Any) -> None:
    together, (alone, _) = build(task[0], sizes=task[1])[0], build(task[0], SEEDS[1:2], task[1])
    for head in (together, alone):
        head.learn_from(taught(task[1]))
    features, wanted = batch(together), targets(task[1])
    outputs = together(features), alone(one(features, slice(1, 2), slice(None)))
    for every, mine in zip(*map(made, outputs), strict=True):
        torch.testing.assert_close(every[1:2], mine, rtol=0, atol=1e-12)
        assert not torch.equal(every[0], every[2])
    losses = together.loss(outputs[0], wanted), alone.loss(outputs[1], {kind: x[1:2] for kind, x in wanted.items()})
    torch.testing.assert_close(losses[0][1:2], losses[1], rtol=1e-12, atol=0)


def test_loss_is_the_sum_of_its_terms_and_reaches_every_parameter_of_its_own_seed(task: Any) -> None:
    head, _ = build(task[0], sizes=task[1])
    head.learn_from(taught(task[1]))
    wanted = targets(task[1])
    output = head(batch(head))
    terms = head.terms(output, wanted)
    assert all(term.shape == (3,) for term in terms.values())
    loss = head.loss(output, wanted)
    torch.testing.assert_close(loss, sum(terms.values(), torch.zeros_like(loss)))
    if not terms:
        assert head.parameter_count() == 0
        return
    head.loss(output, wanted)[1].backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert parameter.grad[1].any()
        assert not parameter.grad[[0, 2]].any()


def test_settings_are_frozen_and_know_their_names(name: str) -> None:
    _, settings = build(name)
    assert settings.model_config["frozen"]
    assert settings.model_config["extra"] == "forbid"
