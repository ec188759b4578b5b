"""Train all seeds of a head together; each keeps the weights of its best epoch on validation.

Test samples are no argument here, so nothing of them can be looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import ConfigError
from heads import sampling
from heads.evaluation import Samples, Trial
from heads.head import Head
from heads.metrics import macro_accuracy
from heads.optimiser import RMSprop
from heads.step import Step
from heads.training import Training

Places = NDArray[np.int64]
"""(m,): which of the S models."""


class Diverged(ConfigError):  # noqa: N818 (reads as what it is)
    """A loss is no longer finite."""


@dataclass(frozen=True)
class Epoch:
    """One epoch as it is told to whoever watches. loss, validation: (S,). going: (S,) True for the seeds still in
    training."""

    number: int
    of: int
    loss: NDArray[np.float64]
    validation: NDArray[np.float64]
    going: NDArray[np.bool_]

    @property
    def running(self) -> int:
        """How many seeds are still in training."""
        return int(self.going.sum())

    def part(self, places: Places) -> "Epoch":
        """Of the seeds at ``places``."""
        return Epoch(self.number, self.of, self.loss[places], self.validation[places], self.going[places])


@dataclass
class Best:
    """The best state of each seed so far. score: (S,) on validation. epoch: (S,) from 1. state: name -> (S, ...)."""

    score: NDArray[np.float64]
    epoch: NDArray[np.int64]
    state: dict[str, Tensor]
    history: list[Epoch] = field(default_factory=list)

    @classmethod
    def before(cls, head: Head, score: NDArray[np.float64]) -> "Best":
        """The start of training."""
        state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
        return cls(score, np.zeros(len(score), dtype=np.int64), state)

    @classmethod
    def of(cls, row: Mapping[str, Any], state: Mapping[str, Tensor]) -> "Best":
        """What training gave, from a row of results.json and the weights that go with it."""
        score, epoch = np.array(row["validation"]), np.array(row["best_epochs"], dtype=np.int64)
        courses = zip(row["history"]["loss"], row["history"]["validation"], strict=True)
        number, ended = len(row["history"]["loss"]), np.zeros(len(score), dtype=np.bool_)
        history = [
            Epoch(place, number, np.array(one), np.array(two), ended) for place, (one, two) in enumerate(courses, 1)
        ]
        return cls(score, epoch, dict(state), history)

    def keep(self, head: Head, seeds: NDArray[np.bool_], score: NDArray[np.float64], epoch: int) -> None:
        """Copy what belongs to the seeds marked True, (S,)."""
        self.score[seeds], self.epoch[seeds] = score[seeds], epoch
        for name, tensor in head.state_dict().items():
            chosen = torch.as_tensor(seeds, device=tensor.device)
            self.state[name][chosen] = tensor[chosen]

    def part(self, places: Places) -> "Best":
        """A copy for the seeds at ``places``."""
        history = [epoch.part(places) for epoch in self.history]
        return Best(self.score[places], self.epoch[places], _rows(self.state, places), history)


@dataclass
class Fit:
    """Models in training, epoch by epoch: ``descend``, then ``judge``, while ``going``. seeds: (S,), one a model.
    draws: each model's generator of batches. running: (S,) False when a model's patience is over; it stays in the batch
    but its kept weights no longer change. number: epochs begun."""

    head: Head
    samples: Samples
    validation: Trial
    training: Training
    seeds: Sequence[int]
    optimiser: RMSprop
    best: Best
    draws: list[np.random.Generator]
    running: NDArray[np.bool_]
    number: int = 0

    def __post_init__(self) -> None:
        self.step = Step(self.head, self.samples, self.optimiser)

    @classmethod
    def start(cls, head: Head, samples: Samples, validation: Trial, training: Training, seeds: Sequence[int]) -> "Fit":
        """Before the first epoch."""
        best = Best.before(head, np.full(len(seeds), -1.0))
        draws = [sampling.generator(seed) for seed in seeds]
        running = np.ones(len(seeds), dtype=bool)
        return cls(head, samples, validation, training, seeds, RMSprop(head, training.lr), best, draws, running)

    @property
    def going(self) -> bool:
        """Whether another epoch is wanted."""
        return self.number < self.training.epochs and bool(self.running.any())

    def descend(self) -> NDArray[np.float64]:
        """Train for one epoch. Returns each model's mean loss, (S,), finite or not."""
        self.optimiser.lr = self.training.rate(self.number)
        self.number += 1
        per_class, batch = self.training.per_class, self.training.batch
        labels = self.samples.labels.cpu().numpy()
        order = np.stack([sampling.epoch(labels, per_class, batch, draw) for draw in self.draws], 1)
        places = torch.as_tensor(order, device=self.samples.labels.device)
        return self._epoch(places)

    def _epoch(self, order: Tensor) -> NDArray[np.float64]:
        """One pass over ``order``, (steps, S, B). Returns the mean loss of each seed over all steps."""
        self.head.train()
        total = torch.zeros(order.shape[1], device=order.device, dtype=torch.float64)
        with self.optimiser:
            for places in order:
                total += self.step(places)
        mean: NDArray[np.float64] = (total / len(order)).cpu().numpy()
        return mean

    def judge(self, loss: NDArray[np.float64]) -> Epoch:
        """Score the epoch on validation and keep what is the best so far. loss: (S,), what ``descend`` gave."""
        score = _score(self.head, self.validation, len(self.seeds))
        self.best.keep(self.head, self.running & (score > self.best.score), score, self.number)
        if self.training.patience:
            self.running &= self.number - self.best.epoch < self.training.patience
        self.best.history.append(Epoch(self.number, self.training.epochs, loss, score, self.running.copy()))
        return self.best.history[-1]

    def only(self, places: Places, head: Head, training: Training) -> "Fit":
        """The models at ``places`` where they are now, in ``head``, a head of that many, and under ``training``."""
        head.load_state_dict(_rows(self.head.state_dict(), places))
        optimiser = RMSprop(head, training.lr)
        optimiser.squares = [_at(squares, places) for squares in self.optimiser.squares]
        optimiser.layer_squares = [_at(squares, places) for squares in self.optimiser.layer_squares]
        seeds, draws = ([every[place] for place in places] for every in (self.seeds, self.draws))
        best, running = self.best.part(places), self.running[places]
        return Fit(head, self.samples, self.validation, training, seeds, optimiser, best, draws, running, self.number)


def _rows(state: Mapping[str, Tensor], places: Places) -> dict[str, Tensor]:
    return {name: _at(tensor, places) for name, tensor in state.items()}


def _at(tensor: Tensor, places: Places) -> Tensor:
    return tensor[torch.as_tensor(places, device=tensor.device)]


def ignore(_: Epoch) -> None:
    """Nobody watches."""


def train(
    head: Head,
    samples: Samples,
    validation: Trial,
    training: Training,
    seeds: Sequence[int],
    watch: Callable[[Epoch], None] = ignore,
) -> Best:
    """Train ``head`` on ``samples`` and leave it with each seed's best weights, in evaluation mode.

    Batches are drawn per seed by that seed's own generator, so a seed ends as it would have alone. A seed whose
    patience is over stays in the batch, but its kept weights no longer change. The score is macro one-shot accuracy
    on ``validation``; the first of equally good epochs counts. A head without parameters is scored and left alone.
    Raises: Diverged when a loss is no longer finite.
    """
    if head.parameter_count() == 0:
        return Best.before(head, _score(head, validation, len(seeds)))
    fit = Fit.start(head, samples, validation, training, seeds)
    while fit.going:
        loss = fit.descend()
        if error := diverged(loss, seeds, fit.number, training.lr):
            raise error
        watch(fit.judge(loss))
    head.load_state_dict(fit.best.state)
    head.eval()
    return fit.best


def diverged(loss: NDArray[np.float64], seeds: Sequence[int], epoch: int, lr: float) -> Diverged | None:
    """What is wrong with the losses of an epoch, (S,), one for each of ``seeds``; None when all are finite."""
    finite = np.isfinite(loss)
    if finite.all():
        return None
    what = f"seed {seeds[int(np.argmin(finite))]}: the loss is not a number in epoch {epoch}"
    return Diverged(f"{what}. Take a learning rate below lr={lr}")


def _score(head: Head, trial: Trial, seeds: int) -> NDArray[np.float64]:
    correct, total = trial.counts(head, seeds)
    return np.asarray(macro_accuracy.score(correct, total).mean(1))
