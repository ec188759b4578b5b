"""A whole training, every loss with every miner, all but its first steps from a recording: all seeds at once end at the
weights at which plain torch and pytorch-metric-learning end, one seed at a time."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest
import reference_trainer
import torch
from losses_by_kind import ON_EMBEDDINGS

from cache import plugins
from heads.head import CLASS, Head
from heads.inputs.samples import Samples
from heads.learning.step import Step
from heads.learning.train import Validation, train
from heads.learning.training import recipe
from heads.models import sem_ib_dml
from heads.protocols._one_shot.episodes import draw_support
from heads.protocols._one_shot.recognition import NEAREST
from heads.protocols._one_shot.trial import OneShotTrial
from heads.protocols.one_shot import Protocol

WIDTHS = {"image/pooled": 12, "body/pooled": 10, "sem2vec/presence": 8}
SMALL = {"stream": 12, "semantic_hidden": 10, "fusion": 14, "embedding": 8, "standardise": False}
TRAINING = {"epochs": 2, "step": 1, "patience": 0, "lr": 2e-3, "batch": 16}
SEEDS = (0, 3)
MINERS = plugins.names("heads.miners")
"""Each loss with two of them, so that each of these is with several losses; all pairs are among the slow tests."""
PAIRS = [
    pytest.param(
        loss,
        miner,
        id=f"{loss}-{miner}",
        marks=[] if (column - row) % len(MINERS) < 2 else [pytest.mark.slow],
    )
    for (row, loss), (column, miner) in itertools.product(enumerate(ON_EMBEDDINGS), enumerate(MINERS))
]


def samples(count: int, seed: int = 0) -> Samples:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 5
    features = {
        name: torch.randn(count, width, generator=draw, dtype=torch.float64)
        + torch.eye(5, width, dtype=torch.float64)[labels]
        for name, width in WIDTHS.items()
    }
    return Samples.of(features, np.arange(count), {CLASS: labels.numpy()}, torch.device("cpu"))


def trained(monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, ...], **values: Any) -> tuple[Head, Head, Any]:
    """The head before and after; its last epoch counts as the best."""
    scores = itertools.count()
    monkeypatch.setattr(OneShotTrial, "score", lambda *_: np.full(len(seeds), float(next(scores))))
    config = recipe(sem_ib_dml.Model, Protocol, SMALL | TRAINING | values, "test")
    head = sem_ib_dml.Model(config, WIDTHS, {CLASS: 5}, seeds).double()
    first = copy.deepcopy(head)
    known, rows = samples(20, 1), np.arange(20)
    labels = known.targets[CLASS].numpy()
    trial = OneShotTrial(rows, labels, draw_support(20, rows, labels, 5, 1, 2), NEAREST, tuple("abcde"))
    steps: list[Step] = []
    monkeypatch.setattr("heads.learning.train.Step", lambda *parts: steps.append(Step(*parts, plain=2)) or steps[-1])
    train(head, samples(100), Validation(known, trial, Protocol.asks), config, seeds)
    assert [step.recorded is not None for step in steps] == [True]
    return first, head, config


@pytest.mark.parametrize(("loss", "miner"), PAIRS)
def test_seeds_together_end_where_the_reference_ends(loss: str, miner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, head, config = trained(monkeypatch, SEEDS, loss=loss, miner=miner)
    data, state = samples(100), head.state_dict()
    labels = data.targets[CLASS]
    for place, seed in enumerate(SEEDS):
        expected = reference_trainer.trained(config, data.features, labels, first.state_dict(), place, seed)
        assert set(expected) == set(state)
        for name, tensor in expected.items():
            torch.testing.assert_close(state[name][place], tensor, rtol=0, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")
    moved = (state["network.fusion.weight"] - first.state_dict()["network.fusion.weight"]).abs().max()
    assert moved > 1e-2


@pytest.mark.parametrize("loss", ON_EMBEDDINGS)
def test_seeds_together_end_as_each_alone(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, together, _ = trained(monkeypatch, SEEDS, loss=loss)
    _, alone, _ = trained(monkeypatch, SEEDS[1:], loss=loss)
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(together.state_dict()[name][1:], tensor, rtol=0, atol=1e-9)
