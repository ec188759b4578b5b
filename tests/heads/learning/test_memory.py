"""Seeds that do not fit into memory at once train in parts and end as they do in one batch."""

import numpy as np
import pytest
import torch
from torch import nn

from heads.head import CLASS
from heads.inputs.samples import Samples
from heads.learning import memory
from heads.learning.together import Trained, train_together
from heads.learning.train import Diverged, Validation
from heads.learning.training import Training, recipe
from heads.models import sem_ib_dml
from heads.protocols._one_shot.episodes import draw_support
from heads.protocols._one_shot.recognition import NEAREST
from heads.protocols._one_shot.trial import OneShotTrial
from heads.protocols.one_shot import Protocol

WIDTHS = {"image/pooled": 12, "body/pooled": 10, "sem2vec/presence": 8}
SMALL = {"stream": 12, "semantic_hidden": 10, "fusion": 14, "embedding": 8, "epochs": 6, "batch": 16}
SEEDS = (0, 3, 4)


def people(count: int, seed: int) -> Samples:
    draw = torch.Generator().manual_seed(seed)
    features = {name: torch.randn(count, width, generator=draw, dtype=torch.float64) for name, width in WIDTHS.items()}
    return Samples.of(features, np.arange(count), {CLASS: np.arange(count) % 5}, torch.device("cpu"))


def trained(**values: object) -> Trained | Diverged:
    one = recipe(sem_ib_dml.Model, Protocol, SMALL | values, "test")
    known, rows, labels = people(40, 1), np.arange(40), np.arange(40) % 5
    trial = OneShotTrial(rows, labels, draw_support(40, rows, labels, 5, 1, 5), NEAREST, tuple("abcde"))
    validation = [Validation(known, trial, Protocol.asks)]
    course = sem_ib_dml.Model, [one], WIDTHS, {CLASS: 5}, SEEDS, people(100, 0), validation
    ((_, found),) = train_together(*course)
    return found


def test_a_part_holds_as_many_seeds_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 numbers of 4 bytes: weights, velocities and the best are 1,200 bytes a seed."""
    one, training = nn.Linear(10, 9, bias=True), Training(optimiser="sgd", momentum=0.9)
    one.extra, one.held = nn.Parameter(torch.zeros(1)), lambda _: 0  # type: ignore[assignment]
    for room, expected in ((6000, [[0, 1, 2, 3, 4]]), (5999, [[0, 1], [2, 3, 4]]), (2400, [[0], [1, 2], [3, 4]])):
        monkeypatch.setattr(memory, "MOST_BYTES", room)
        assert memory.parts(one, training, range(5)) == [range(part[0], part[-1] + 1) for part in expected]  # type: ignore[arg-type]
    monkeypatch.setattr(memory, "MOST_BYTES", 1)
    assert len(memory.parts(one, training, range(5))) == 5  # type: ignore[arg-type]
    monkeypatch.setattr(memory, "MOST_BYTES", 6000)
    one.held = lambda batch: 10 * batch  # type: ignore[assignment]
    assert len(memory.parts(one, Training(optimiser="sgd", momentum=0.9, batch=180), range(5))) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("patience", [0, 1])
def test_parts_end_as_one_batch(patience: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the epoch in which a part's patience was over; from there on its history stays."""
    whole = trained(patience=patience)
    monkeypatch.setattr(memory, "MOST_BYTES", 1)
    apart = trained(patience=patience)
    assert isinstance(whole, Trained)
    assert isinstance(apart, Trained)
    for name, tensor in apart.head.state_dict().items():
        torch.testing.assert_close(tensor, whole.head.state_dict()[name], rtol=0, atol=1e-9)
    assert not apart.head.training
    assert apart.best.epoch.tolist() == whole.best.epoch.tolist()
    assert apart.best.score.tolist() == whole.best.score.tolist()
    assert len(apart.best.history) == len(whole.best.history)
    ended = np.zeros(len(SEEDS), dtype=bool)
    for mine, theirs in zip(apart.best.history, whole.best.history, strict=True):
        np.testing.assert_allclose(mine.loss[~ended], theirs.loss[~ended], rtol=1e-9)
        assert mine.validation[~ended].tolist() == theirs.validation[~ended].tolist()
        assert (mine.number, mine.of, mine.going.tolist()) == (theirs.number, theirs.of, theirs.going.tolist())
        ended = ~mine.going
