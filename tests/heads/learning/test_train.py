"""Seeds together equal seeds alone; selection sees validation only; patience; the published settings."""

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from cache.errors import ConfigError
from heads.head import CLASS, Head, given
from heads.inputs.samples import Samples, outputs
from heads.learning.epoch import Epoch
from heads.learning.train import Best, Validation, train
from heads.learning.training import Recipe, Training, recipe
from heads.models import random, sem_ib_dml
from heads.protocols._one_shot.episodes import draw_support
from heads.protocols._one_shot.recognition import NEAREST
from heads.protocols._one_shot.trial import OneShotTrial
from heads.protocols.one_shot import Protocol

WIDTHS = {"image/pooled": 12, "body/pooled": 10, "sem2vec/presence": 8}
SMALL = {"stream": 16, "semantic_hidden": 12, "fusion": 16, "embedding": 8, "epochs": 4, "step": 2, "patience": 0}
SEEDS = (0, 1, 2, 5)


def samples(count: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Samples:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 6
    features = {
        name: torch.randn(count, width, generator=draw, dtype=dtype) + torch.eye(6, width, dtype=dtype)[labels]
        for name, width in WIDTHS.items()
    }
    return Samples.of(features, np.arange(count), {CLASS: labels.numpy()}, torch.device("cpu"))


def validation(dtype: torch.dtype = torch.float64) -> Validation:
    known, rows = samples(60, dtype, seed=1), np.arange(60)
    labels = known.targets[CLASS].numpy()
    trial = OneShotTrial(rows, labels, draw_support(60, rows, labels, 6, 1, 20), NEAREST, tuple("abcdef"))
    return Validation(known, trial, Protocol.asks)


def fit(seeds: tuple[int, ...], dtype: torch.dtype = torch.float64, **values: Any) -> tuple[Head, Best]:
    settings = recipe(sem_ib_dml.Model, Protocol, SMALL | values, "test")
    head = sem_ib_dml.Model(settings, WIDTHS, {CLASS: 6}, seeds).to(dtype)
    return head, train(head, samples(200, dtype), validation(dtype), settings, seeds)


def check_equal(dtype: torch.dtype, tolerance: float, **values: Any) -> None:
    together, best = fit(SEEDS, dtype, **values)
    for number, seed in enumerate(SEEDS):
        alone, single = fit((seed,), dtype, **values)
        assert single.epoch.tolist() == best.epoch[[number]].tolist()
        np.testing.assert_allclose(single.score, best.score[[number]])
        for name, tensor in alone.state_dict().items():
            torch.testing.assert_close(together.state_dict()[name][[number]], tensor, rtol=0, atol=tolerance)


def test_seeds_trained_together_end_as_each_alone() -> None:
    check_equal(torch.float64, 1e-9)


def test_seeds_whose_patience_ends_at_different_epochs_end_as_each_alone() -> None:
    check_equal(torch.float64, 1e-9, epochs=8, patience=2)
    _, best = fit(SEEDS, epochs=8, patience=2)
    assert len(set(best.epoch.tolist())) > 1


def test_a_few_steps_in_single_precision_agree() -> None:
    check_equal(torch.float32, 1e-4, epochs=1)


def test_training_learns() -> None:
    _, best = fit(SEEDS, epochs=6, step=6, lr=3e-3)
    assert best.history[-1].loss.max() < 0.7 * best.history[0].loss.min()
    assert best.score.min() > 1.3 / 6


def test_the_best_epoch_on_validation_is_kept_and_its_weights_with_it() -> None:
    head, best = fit(SEEDS, epochs=6, lr=3e-3)
    scores = np.stack([epoch.validation for epoch in best.history])
    assert best.epoch.tolist() == (scores.argmax(0) + 1).tolist()
    known = validation()
    assert isinstance(known.trial, OneShotTrial)
    counts = known.trial.counts(known.outputs(head, len(SEEDS)))
    np.testing.assert_allclose((counts.correct / counts.total).mean((1, 2)), scores.max(0))


def test_training_stops_when_every_seed_has_lost_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([[0.1, 0.5], [0.2, 0.4], [0.3, 0.4], [0.2, 0.9], [0.2, 0.9], [0.9, 0.9]])
    monkeypatch.setattr(OneShotTrial, "score", lambda *_: np.array(next(scores)))
    _, best = fit((0, 1), epochs=6, patience=2)
    assert [epoch.running for epoch in best.history] == [2, 2, 1, 1, 0]
    assert (best.epoch.tolist(), best.score.tolist()) == ([3, 1], [0.3, 0.5])


def test_the_rate_falls_by_steps_of_epochs() -> None:
    rates = [Training().rate(epoch) for epoch in range(12)]
    assert rates == pytest.approx([3.5e-4] * 4 + [3.5e-5] * 4 + [3.5e-6] * 4)


def test_watchers_see_every_epoch() -> None:
    seen: list[Epoch] = []
    settings = recipe(sem_ib_dml.Model, Protocol, SMALL, "test")
    head = sem_ib_dml.Model(settings, WIDTHS, {CLASS: 6}, SEEDS).double()
    train(head, samples(200), validation(), settings, SEEDS, seen.append)
    assert [(epoch.number, epoch.of) for epoch in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_loss_that_explodes_is_told_with_its_seed() -> None:
    with pytest.raises(ConfigError, match=r"seed 0: the loss is not a number in epoch \d\. Take a learning rate below"):
        fit(SEEDS, torch.float32, lr=1e30)


def test_a_head_without_parameters_is_scored_and_not_trained() -> None:
    settings = recipe(random.Model, Protocol, {}, "test")
    best = train(random.Model(settings, {}, {CLASS: 6}, SEEDS), samples(200), validation(), settings, SEEDS)
    assert (best.epoch.tolist(), best.history) == ([0, 0, 0, 0], [])
    assert 0 < best.score.min() < best.score.max() < 0.4


def test_random_guesses_every_class_equally_often_and_anew_for_each_seed() -> None:
    settings, count = recipe(random.Model, Protocol, {}, "test"), 3000
    head = random.Model(settings, {}, {CLASS: 6}, (0, 1))
    points = given(outputs(head, samples(count), 2, ["embedding"]).embedding)
    assert points.mean((0, 1)).abs().max() < 0.03
    assert torch.corrcoef(points.flatten(1)).fill_diagonal_(0).abs().max() < 0.03
    assert torch.corrcoef(points[0].T).fill_diagonal_(0).abs().max() < 0.1


def test_settings_are_flat_and_every_fault_is_told() -> None:
    settings = recipe(sem_ib_dml.Model, Protocol, {"margin": 0.3, "lr": 1e-3, "shots": 5}, "test")
    assert isinstance(settings, Recipe)
    assert isinstance(settings, sem_ib_dml.Model.Config)
    with pytest.raises(ConfigError) as caught:
        recipe(sem_ib_dml.Model, Protocol, {"marginn": 1, "lr": -1, "epochs": 0}, "SET")
    text = str(caught.value)
    assert all(part in text for part in ("'marginn'. Did you mean 'margin'", "lr: ", "epochs: "))
    with pytest.raises(ConfigError, match="batch = 30 is not a multiple of per_class = 4"):
        recipe(sem_ib_dml.Model, Protocol, {"batch": 30}, "SET")
    with pytest.raises(ValidationError):
        settings.lr = 1.0
