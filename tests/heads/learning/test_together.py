"""Settings of equal shape trained together end as each alone; those that cannot are named."""

import re
import time
from typing import Any

import numpy as np
import pytest
import torch
from batches import batch
from losses_by_kind import ON_EMBEDDINGS

from cache import plugins
from cache.errors import ConfigError
from heads.blocks.layers import generators
from heads.blocks.metric_learning import MetricLearning
from heads.blocks.varied import Varies
from heads.head import CLASS
from heads.inputs.samples import Samples
from heads.learning import together as batched
from heads.learning.epoch import Epoch
from heads.learning.together import Trained, apart, joined, train_together, trainings
from heads.learning.train import Best, Diverged, Validation, train
from heads.learning.training import Recipe, recipe
from heads.models import kosti, random, sem_ib_dml
from heads.protocols._one_shot.episodes import draw_support
from heads.protocols._one_shot.recognition import NEAREST, Rule
from heads.protocols._one_shot.trial import OneShotTrial
from heads.protocols.one_shot import Protocol

WIDTHS = {"image/pooled": 12, "body/pooled": 10, "sem2vec/presence": 8}
SMALL = {"stream": 12, "semantic_hidden": 10, "fusion": 14, "embedding": 8, "epochs": 4, "step": 2, "batch": 16}
SEEDS = (0, 3)


def settings(**values: Any) -> Recipe:
    return recipe(sem_ib_dml.Model, Protocol, SMALL | values, "test")


def samples(count: int, seed: int = 0) -> Samples:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 5
    features = {name: torch.randn(count, width, generator=draw, dtype=torch.float64) for name, width in WIDTHS.items()}
    return Samples.of(features, np.arange(count), {CLASS: labels.numpy()}, torch.device("cpu"))


KNOWN = samples(40, 1)


def validation(shots: int = 1, rule: Rule = NEAREST) -> Validation:
    rows, labels = np.arange(40), KNOWN.targets[CLASS].numpy()
    trial = OneShotTrial(rows, labels, draw_support(40, rows, labels, 5, shots, 5), rule, tuple("abcde"))
    return Validation(KNOWN, trial, Protocol.asks)


def validations(recipes: list[Any]) -> list[Validation]:
    return [validation(one.shots, one) for one in recipes]


def alone(one: Recipe) -> tuple[dict[str, torch.Tensor], Best]:
    head = sem_ib_dml.Model(one, WIDTHS, {CLASS: 5}, SEEDS).double()
    (known,) = validations([one])
    best = train(head, samples(100), known, one, SEEDS)
    return head.state_dict(), best


def together(recipes: list[Recipe], told: dict[int, list[Epoch]] | None = None) -> dict[int, Trained | Diverged]:
    """Each place and what became of it, in the order of their ends. told: gets the epochs of each place."""
    watch = (lambda place, epoch: told.setdefault(place, []).append(epoch)) if told is not None else lambda *_: None
    course = sem_ib_dml.Model, recipes, WIDTHS, {CLASS: 5}, SEEDS, samples(100), validations(recipes)
    return dict(train_together(*course, watch))


def check_as_alone(found: Trained | Diverged, one: Recipe) -> dict[str, torch.Tensor]:
    """Weights, chosen epochs and the whole history; returns what alone gives."""
    assert isinstance(found, Trained)
    state, expected = alone(one)
    assert found.best.epoch.tolist() == expected.epoch.tolist()
    assert found.best.score.tolist() == expected.score.tolist()
    for name, tensor in found.head.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=1e-9)
    for mine, theirs in zip(found.best.history, expected.history, strict=True):
        np.testing.assert_allclose(mine.loss, theirs.loss)
        assert mine.validation.tolist() == theirs.validation.tolist()
        assert (mine.number, mine.of, mine.running) == (theirs.number, theirs.of, theirs.running)
    return state


RULES = pytest.mark.parametrize("rule", [{}, {"optimiser": "sgd", "momentum": 0.9}, {"optimiser": "adam"}])


@RULES
def test_settings_trained_together_end_as_each_alone(rule: dict[str, Any]) -> None:
    recipes = [
        settings(lr=1e-3, **rule),
        settings(lr=3e-3, margin=0.5, gamma=0.5, **rule),
        settings(lr=1e-3, metric_weight=1, class_weight=0.1, epsilon=0.3, **rule),
    ]
    found = together(recipes)
    ends = [check_as_alone(found[place], one)["network.fusion.weight"] for place, one in enumerate(recipes)]
    assert (ends[0] - ends[1]).abs().max() > 1e-3
    assert (ends[0] - ends[2]).abs().max() > 1e-3


def test_each_training_has_plateaus_of_its_own() -> None:
    recipes = [settings(lr=lr, epochs=12, plateau=1, patience=4) for lr in (1e-2, 3e-3)]
    found, changed = together(recipes), []
    for place, one in enumerate(recipes):
        check_as_alone(found[place], one)
        steady = alone(one.model_copy(update={"plateau": 1000}))[1].history
        mine = alone(one)[1].history
        apart = [epoch.loss != other.loss for epoch, other in zip(mine, steady, strict=False)]
        assert not np.any(apart[:2])  # more than one epoch in a row
        changed.append(np.any(apart))
    assert any(changed)


@RULES
def test_a_recipe_whose_patience_is_over_leaves_and_the_others_go_on_as_alone(rule: dict[str, Any]) -> None:
    recipes = [settings(lr=lr, epochs=12, patience=2, **rule) for lr in (1e-5, 3e-3, 1e-2, 1e-4)]
    told: dict[int, list[Epoch]] = {}
    found = together(recipes, told)
    for place, one in enumerate(recipes):
        check_as_alone(found[place], one)
    lengths = [len(alone(one)[1].history) for one in recipes]
    assert [[epoch.number for epoch in told[place]] for place in range(4)] == [list(range(1, n + 1)) for n in lengths]
    assert len(set(lengths)) > 1
    assert list(found) == sorted(found, key=lambda place: (lengths[place], place))


def test_settings_that_differ_in_how_samples_are_recognised_are_one_training(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = [
        settings(lr=1e-2, epochs=8, patience=2),
        settings(lr=1e-2, epochs=8, patience=2, rule="linear"),
        settings(lr=3e-3, epochs=8, patience=2, support_norm="centre"),
        settings(lr=1e-2, epochs=8, patience=2, shots=3, rule="centroid"),
        settings(lr=3e-3, epochs=8, patience=2, support_norm="whiten", episodes=7),
    ]
    assert trainings(recipes) == [[0, 1, 3], [2, 4]]
    assert apart(recipes) == []
    models: list[int] = []
    start = batched.Course.start

    def counted(head: Any, *rest: Any) -> Any:
        models.append(len(head.network.fusion.weight))
        return start(head, *rest)

    monkeypatch.setattr(batched.Course, "start", counted)
    told: dict[int, list[Epoch]] = {}
    found = together(recipes, told)
    assert models == [2 * len(SEEDS)]
    monkeypatch.undo()
    bests = [check_as_alone(found[place], one)["network.fusion.weight"] for place, one in enumerate(recipes)]
    lengths = [len(alone(one)[1].history) for one in recipes]
    assert [len(told[place]) for place in range(5)] == lengths
    assert len(set(lengths)) > 1
    assert any(not torch.equal(bests[0], bests[place]) for place in (1, 3))


def test_seconds_are_shares_of_the_time_that_all_take() -> None:
    start = time.perf_counter()
    found = together([settings(lr=lr, epochs=12, patience=2) for lr in (1e-5, 3e-3, 1e-2, 1e-4)])
    whole = time.perf_counter() - start
    shares = [one.seconds for one in found.values() if isinstance(one, Trained)]
    assert 0.5 * whole < sum(shares) <= whole
    assert shares[0] < shares[-1]
    same = together([settings(lr=lr) for lr in (1e-3, 2e-3, 3e-3, 4e-3)])
    equal = [one.seconds for one in same.values() if isinstance(one, Trained)]
    assert max(equal) < 2 * min(equal)


def test_a_loss_that_explodes_stops_its_own_recipe_alone() -> None:
    recipes = [settings(lr=1e-3), settings(lr=1e300), settings(lr=3e-3)]
    told: dict[int, list[Epoch]] = {}
    found = together(recipes, told)
    error = found[1]
    assert isinstance(error, Diverged)
    with pytest.raises(Diverged, match=re.escape(str(error))):
        alone(recipes[1])
    assert str(error).endswith("the loss is not a number in epoch 1. Take a learning rate below lr=1e+300")
    assert sorted(told) == [0, 2]
    for place in (0, 2):
        check_as_alone(found[place], recipes[place])


def test_a_head_without_parameters_is_scored_for_each_recipe() -> None:
    recipes = [recipe(random.Model, Protocol, {"lr": lr}, "test") for lr in (1e-3, 1e-2)]
    found = dict(train_together(random.Model, recipes, {}, {CLASS: 5}, SEEDS, samples(100), validations(recipes)))
    expected = train(random.Model(recipes[0], {}, {CLASS: 5}, SEEDS), samples(100), validation(), recipes[0], SEEDS)
    for place in (0, 1):
        one = found[place]
        assert isinstance(one, Trained)
        assert (one.best.score.tolist(), one.best.epoch.tolist()) == (expected.score.tolist(), [0, 0])


@pytest.mark.parametrize("room", ["loss", "miner"])
def test_every_number_of_every_loss_and_miner_may_be_one_for_each_model(room: str) -> None:
    folder = {"loss": "heads.losses", "miner": "heads.miners"}[room]
    for name in ON_EMBEDDINGS if room == "loss" else plugins.names(folder):
        base = settings(**{room: name})
        fields = plugins.load(folder, name, room.title()).Config.model_fields
        varying = [word for word, field in fields.items() if any(isinstance(mark, Varies) for mark in field.metadata)]
        other = settings(**{room: name}, **{word: 0.7 * getattr(base, word) + 0.01 for word in varying})
        x, labels = (torch.stack(part) for part in zip(batch("close", 1, 8), batch("close", 1, 8), strict=True))
        metric = MetricLearning(joined([base, other], 1), 8, 6, generators([0, 0])).double()
        apart_ = [MetricLearning(one, 8, 6, generators([0])).double() for one in (base, other)]
        expected = torch.cat([one(x[:1], labels[:1]) for one in apart_])
        torch.testing.assert_close(metric(x, labels), expected, rtol=1e-7, atol=0, msg=lambda m, n=name: f"{n}: {m}")


def test_a_single_precision_loss_stays_so_with_a_column_of_settings() -> None:
    both = joined([settings(margin=0.1), settings(margin=0.3)], 1)
    head = sem_ib_dml.Model(both, WIDTHS, {CLASS: 5}, [0, 0])
    features = {name: torch.randn(2, 16, width) for name, width in WIDTHS.items()}
    labels = (torch.arange(16) % 5).expand(2, 16)
    assert head.loss(head(features), {CLASS: labels}).dtype == torch.float32


def test_what_cannot_train_together_is_named() -> None:
    assert apart([settings(), settings(lr=1.0, margin=0.1)]) == []
    assert apart([settings(), settings(embedding=9, lr=1.0)]) == ["embedding"]
    assert apart([settings(), settings(loss="circle")]) == ["loss", "miner"]
    with pytest.raises(ConfigError, match=r"cannot train together: batch = \[16, 32\]\. Train them one after another"):
        joined([settings(), settings(batch=32)], 2)


def test_a_rate_that_explodes_is_told_with_its_own_number() -> None:
    recipes = [recipe(kosti.Model, Protocol, {"batch": 16, "epochs": 3, "lr": lr}, "test") for lr in (1e-3, 1e300)]
    known = samples(100)
    data = Samples({"scene/pooled": known.features["image/pooled"], **known.features}, known.targets)
    first = Samples({name: x[:40] for name, x in data.features.items()})
    judged = Validation(first, validation().trial, Protocol.asks)
    widths = WIDTHS | {"scene/pooled": 12}
    found = dict(train_together(kosti.Model, recipes, widths, {CLASS: 5}, [0], data, [judged, judged]))
    assert isinstance(found[0], Trained)
    assert re.search(r"seed 0: the loss is not a number in epoch \d\. .* below lr=1e\+300$", str(found[1]))
