"""Every loss on embeddings, every miner: a batch's value and gradient as pytorch-metric-learning's, seed by seed."""

import inspect
import itertools
from typing import Any

import pytest
import reference_losses as reference
import torch
from batches import CASES, TIES, batch
from losses_by_kind import ON_EMBEDDINGS
from torch import Tensor, nn

from cache import plugins
from cache.errors import ConfigError, UnknownName
from heads.blocks.layers import generators
from heads.blocks.metric_learning import MetricLearning
from heads.learning.training import Recipe, Training, fields, recipe
from heads.models import random, sem_ib_dml
from heads.protocols.one_shot import Protocol

WIDTH, SEEDS = 16, 4
LOSSES, MINERS = ON_EMBEDDINGS, plugins.names("heads.miners")
PAIRS = [pytest.param(*pair, id="-".join(pair)) for pair in itertools.product(LOSSES, MINERS)]
SLOW = {("lifted_structure", "triplet_margin"), ("ntxent", "triplet_margin")}
"""Where the reference compares every triplet with every other."""
VARIANTS: list[tuple[str, str, dict[str, Any]]] = [
    *(("triplet", "triplet_margin", {"triplets": kind}) for kind in ("hard", "semihard", "easy")),
    ("triplet", "multi_similarity", {"epsilon": 0.0, "margin": 0.5}),
    ("triplet", "multi_similarity", {"epsilon": 0.5, "margin": 0.0}),
    ("contrastive", "none", {"pos_margin": 0.3, "neg_margin": 1.4}),
    ("contrastive", "pair_margin", {"farther": 1.0, "nearer": 1.5}),
    ("margin", "none", {"learn_beta": True, "nu": 0.3, "beta": 1.3}),
    ("margin", "batch_hard", {"learn_beta": True, "margin": 0.05}),
    ("multi_similarity", "none", {"alpha": 5, "beta": 20, "base": 0.1}),
    ("ntxent", "none", {"temperature": 0.5}),
    ("circle", "none", {"m": 0.25, "gamma_scale": 20}),
    ("arcface", "none", {"margin": 120.0, "scale": 4.0}),
    ("soft_triple", "none", {"centers_per_class": 3, "la": 5, "center_gamma": 0.5, "margin": 0.2}),
    ("proxy_anchor", "none", {"margin": 0.3, "alpha": 8}),
    ("nca", "none", {"softmax_scale": 4}),
]


def settings(loss: str, miner: str, **values: Any) -> Recipe:
    return recipe(sem_ib_dml.Model, Protocol, {"loss": loss, "miner": miner} | values, "test")


def ours_of(config: Any, classes: int, seeds: int = SEEDS) -> MetricLearning:
    metric = MetricLearning(config, WIDTH, classes, generators(range(seeds))).double()
    if isinstance(beta := getattr(metric.loss, "beta", None), nn.Parameter):  # drawn as float32
        beta.data.fill_(config.beta)
    return metric


def theirs(config: Any, x: Tensor, labels: Tensor, proxies: Tensor | None, classes: int, exact: bool) -> list[Tensor]:
    """Value, gradient of x, and of the proxies where there are some, by the reference."""
    loss = reference.loss_of(config.loss, config, classes, WIDTH, exact)
    miner = reference.miner_of(config.miner, config, exact)
    if proxies is not None:
        reference.give(config.loss, loss, proxies)
    x = x.clone().requires_grad_()
    value = loss(x, labels, miner(x, labels) if miner else None)
    own = reference.proxies_of(config.loss, loss)
    wanted = [x] if own is None else [x, own]
    if not value.requires_grad or value.isnan():
        return [torch.zeros_like(value.detach()), *(torch.zeros_like(one) for one in wanted)]
    gradients = torch.autograd.grad(value.sum(), wanted, allow_unused=True)
    whole = [torch.zeros_like(one) if g is None else g for one, g in zip(wanted, gradients, strict=True)]
    return [value.detach().squeeze(), *(reference.take(config.loss, g) if g.shape != x.shape else g for g in whole)]


def check(config: Any, case: str, exact: bool) -> None:
    size = 12 if (config.loss, config.miner) in SLOW else 32
    parts = [tuple(part[:size] for part in batch(case, seed, WIDTH)) for seed in range(SEEDS)]
    x, labels = (torch.stack(part) for part in zip(*parts, strict=True))
    classes = max(6, int(labels.max()) + 1)
    metric = ours_of(config, classes)
    proxies = getattr(metric.loss, "proxies", None)
    x.requires_grad_()
    value = metric(x, labels)
    value.sum().backward()
    for seed in range(SEEDS):
        start = None if proxies is None else proxies[seed].detach()
        expected = theirs(config, parts[seed][0], labels[seed], start, classes, exact)
        found = [value[seed], x.grad[seed]] + ([] if proxies is None else [proxies.grad[seed]])
        for one, two in zip(found, expected, strict=False):
            scale = max(1.0, float(two.abs().max()))
            torch.testing.assert_close(one, two, rtol=0, atol=1e-8 * scale, msg=lambda text: f"{case}: {text}")


@pytest.mark.parametrize(("loss", "miner"), PAIRS)
def test_value_and_gradients_are_the_references(loss: str, miner: str) -> None:
    for case in CASES:
        check(settings(loss, miner), case, exact=case in TIES)


@pytest.mark.parametrize(("loss", "miner", "values"), VARIANTS)
def test_other_settings_are_the_references(loss: str, miner: str, values: dict[str, Any]) -> None:
    for case in ("random", "groups of four", "close"):
        check(settings(loss, miner, **values), case, exact=False)


def test_the_learnt_distance_of_margin_gets_the_references_gradient() -> None:
    config = settings("margin", "none", learn_beta=True, nu=0.3)
    x, labels = batch("random", 0, WIDTH)
    metric = ours_of(config, 6, 1)
    metric(x[None], labels[None]).sum().backward()
    loss = reference.loss_of("margin", config, 6, WIDTH)
    loss(x, labels).sum().backward()
    assert isinstance(metric.loss.beta, Tensor)
    torch.testing.assert_close(metric.loss.beta.grad, loss.beta.grad, rtol=0, atol=1e-10)
    assert loss.beta.grad.abs() > 0.01


@pytest.mark.parametrize("name", LOSSES + MINERS)
def test_defaults_are_the_references(name: str) -> None:
    known, choice = (reference.LOSSES, "loss") if name in LOSSES else (reference.MINERS, "miner")
    kind, arguments = known[name]
    if kind is None:
        return
    config = recipe(sem_ib_dml.Model, Protocol, {choice: name}, "test")
    arguments_of = [inspect.signature(one).parameters for one in reversed(kind.__mro__) if "__init__" in vars(one)]
    defaults = {word: value.default for one in arguments_of for word, value in one.items()}
    for word, ours in arguments.items():
        assert getattr(config, ours) == {("triplet", "margin"): 0.2}.get((name, ours), defaults[word]), ours


def test_one_seed_does_not_touch_another() -> None:
    for loss, miner in itertools.product(LOSSES, MINERS):
        x, labels = (torch.stack(part) for part in zip(batch("random", 3), batch("close", 4), strict=True))
        x.requires_grad_()
        ours_of(settings(loss, miner), 6, 2)(x, labels)[0].backward()
        assert x.grad is not None
        assert not x.grad[1].any(), (loss, miner)


def test_proxies_of_a_seed_are_the_same_whoever_trains_beside_it_and_as_wide_as_the_references() -> None:
    for name in LOSSES:
        config = settings(name, "none")
        metric = MetricLearning(config, 64, 50, generators([0, 1, 2]))
        alone = MetricLearning(config, 64, 50, generators([1]))
        for one, two in zip(metric.parameters(), alone.parameters(), strict=True):
            assert torch.equal(one[1:2], two)
            own = reference.proxies_of(name, reference.loss_of(name, config, 50, 64))
            assert own is not None
            assert float((two.std() / own.std()).detach()) == pytest.approx(1, abs=0.06)


def test_settings_of_losses_miners_heads_and_training_have_different_names() -> None:
    taken = set(sem_ib_dml.Model.Config.model_fields) | set(Recipe.model_fields)
    for room in ("losses", "miners"):
        for name in plugins.names(f"heads.{room}"):
            part = plugins.load(f"heads.{room}", name, "Loss" if room == "losses" else "Miner")
            assert not taken & set(part.Config.model_fields), name
    both = [set(plugins.load("heads.losses", name, "Loss").Config.model_fields) for name in LOSSES]
    others = [set(plugins.load("heads.miners", name, "Miner").Config.model_fields) for name in MINERS]
    assert not set().union(*both) & set().union(*others)


def test_a_choice_brings_its_own_settings() -> None:
    config = settings("circle", "none", m=0.3)
    assert (config.m, config.gamma) == (0.3, Training().gamma)
    assert {"m", "gamma_scale"} <= fields(sem_ib_dml.Model, Protocol, {"loss": "circle"})
    assert "epsilon" in fields(sem_ib_dml.Model, Protocol, {})
    assert "epsilon" not in fields(sem_ib_dml.Model, Protocol, {"miner": "none"})
    assert recipe(sem_ib_dml.Model, Protocol, config.model_dump(mode="json"), "checkpoint") == config
    with pytest.raises(ConfigError, match="unknown setting 'margin'"):
        settings("circle", "none", margin=0.3)


def test_wrong_names_are_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no loss 'multisimilarity'\. Did you mean 'multi_similarity'\?"):
        settings("multisimilarity", "none")
    with pytest.raises(UnknownName, match=r"no miner 'batchhard'\. Did you mean 'batch_hard'\?"):
        settings("triplet", "batchhard")
    known = ", ".join(LOSSES)
    with pytest.raises(ConfigError, match=rf"^loss bce is no loss on embeddings, which this head has\. Take {known}$"):
        settings("bce", "none")
    with pytest.raises(ConfigError, match="unknown setting 'loss'"):
        recipe(random.Model, Protocol, {"loss": "triplet"}, "test")
