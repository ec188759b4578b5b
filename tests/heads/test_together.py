"""Settings of equal shape trained together end as each alone; those that cannot are named."""

from typing import Any

import numpy as np
import pytest
import torch
from batches import batch

from cache import plugins
from cache.errors import ConfigError
from heads.episodes import draw_support
from heads.evaluation import Samples, Trial
from heads.layers import generators
from heads.metric_learning import MetricLearning
from heads.models import kosti, sem_ib_dml
from heads.together import apart, joined, train_together
from heads.train import Best, train
from heads.training import Recipe, recipe
from heads.varied import Varies

WIDTHS = {"image/pooled": 12, "body/pooled": 10, "sem2vec/presence": 8}
SMALL = {"stream": 12, "semantic_hidden": 10, "fusion": 14, "embedding": 8, "epochs": 4, "step": 2, "batch": 16}
SEEDS = (0, 3)


def settings(**values: Any) -> Recipe:
    return recipe(sem_ib_dml.Model, SMALL | values, "test")


def samples(count: int, seed: int = 0) -> Samples:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 5
    features = {name: torch.randn(count, width, generator=draw, dtype=torch.float64) for name, width in WIDTHS.items()}
    return Samples.of(features, np.arange(count), labels.numpy(), torch.device("cpu"))


def trial() -> Trial:
    known = samples(40, 1)
    return Trial(known, draw_support(40, np.arange(40), known.labels.numpy(), 5, 1, 5))


def alone(one: Recipe) -> tuple[dict[str, torch.Tensor], Best]:
    head = sem_ib_dml.Model(one, WIDTHS, 5, SEEDS).double()
    best = train(head, samples(100), trial(), one, SEEDS)
    return head.state_dict(), best


def test_settings_trained_together_end_as_each_alone() -> None:
    recipes = [
        settings(lr=1e-3),
        settings(lr=3e-3, margin=0.5, gamma=0.5),
        settings(lr=1e-3, metric_weight=1, class_weight=0.1, epsilon=0.3),
    ]
    found = train_together(sem_ib_dml.Model, recipes, WIDTHS, 5, SEEDS, samples(100), trial())
    ends = []
    for (head, best), one in zip(found, recipes, strict=True):
        state, expected = alone(one)
        assert (best.epoch.tolist(), best.score.tolist()) == (expected.epoch.tolist(), expected.score.tolist())
        for name, tensor in head.state_dict().items():
            torch.testing.assert_close(tensor, state[name], rtol=0, atol=1e-9)
        np.testing.assert_allclose(best.history[1].loss, expected.history[1].loss)
        ends.append(state["network.fusion.weight"])
    assert (ends[0] - ends[1]).abs().max() > 1e-3
    assert (ends[0] - ends[2]).abs().max() > 1e-3


@pytest.mark.parametrize("room", ["loss", "miner"])
def test_every_number_of_every_loss_and_miner_may_be_one_for_each_model(room: str) -> None:
    folder = {"loss": "heads.losses", "miner": "heads.miners"}[room]
    for name in plugins.names(folder):
        base = settings(**{room: name})
        fields = plugins.load(folder, name, room.title()).Config.model_fields
        varying = [word for word, field in fields.items() if Varies in field.metadata]
        other = settings(**{room: name}, **{word: 0.7 * getattr(base, word) + 0.01 for word in varying})
        x, labels = (torch.stack(part) for part in zip(batch("close", 1, 8), batch("close", 1, 8), strict=True))
        metric = MetricLearning(joined([base, other], 1), 8, 6, generators([0, 0])).double()
        apart_ = [MetricLearning(one, 8, 6, generators([0])).double() for one in (base, other)]
        expected = torch.cat([one(x[:1], labels[:1]) for one in apart_])
        torch.testing.assert_close(metric(x, labels), expected, rtol=1e-7, atol=0, msg=lambda m, n=name: f"{n}: {m}")


def test_a_single_precision_loss_stays_so_with_a_column_of_settings() -> None:
    both = joined([settings(margin=0.1), settings(margin=0.3)], 1)
    head = sem_ib_dml.Model(both, WIDTHS, 5, [0, 0])
    features = {name: torch.randn(2, 16, width) for name, width in WIDTHS.items()}
    assert head.loss(head(features), (torch.arange(16) % 5).expand(2, 16)).dtype == torch.float32


def test_what_cannot_train_together_is_named() -> None:
    assert apart([settings(), settings(lr=1.0, margin=0.1)]) == []
    assert apart([settings(), settings(embedding=9, lr=1.0)]) == ["embedding"]
    assert apart([settings(), settings(loss="circle")]) == ["loss", "miner"]
    with pytest.raises(ConfigError, match=r"cannot train together: batch = \[16, 32\]\. Train them one after another"):
        joined([settings(), settings(batch=32)], 2)


def test_a_rate_that_explodes_is_told_with_its_own_number() -> None:
    recipes = [recipe(kosti.Model, {"batch": 16, "epochs": 3, "lr": lr}, "test") for lr in (1e-3, 1e300)]
    known = samples(100)
    data = Samples({"scene/pooled": known.features["image/pooled"], **known.features}, known.labels)
    score = Trial(data.at(torch.arange(40)), trial().support)
    with pytest.raises(ConfigError, match=r"seed 0: the loss is not a number in epoch \d\. .* below lr=1e\+300"):
        train_together(kosti.Model, recipes, WIDTHS | {"scene/pooled": 12}, 5, [0], data, score)
