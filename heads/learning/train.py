"""Train all seeds of a head together; each keeps the weights of its best epoch on validation.

Test samples are no argument here, so nothing of them can be looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import ConfigError
from heads.head import CLASS, ROW, Head, Output
from heads.inputs.samples import Samples, outputs
from heads.learning import sampling
from heads.learning.epoch import Descent, Epoch
from heads.learning.optimiser import Optimiser
from heads.learning.plateau import Plateau
from heads.learning.step import Step
from heads.learning.training import Training
from heads.trial import Trial

_ABSURD = 1e9
"""A loss beyond which nothing is learned any more, though it may take long to become infinite."""

Places = NDArray[np.int64]
"""(m,): which of the S models."""


class Validation(NamedTuple):
    """What an epoch is judged on. samples: of the trial's rows. asks: the fields of Output that the trial reads."""

    samples: Samples
    trial: Trial
    asks: frozenset[str]

    def outputs(self, head: Head, seeds: int) -> Output:
        """What the ``seeds`` models of a head make of the samples."""
        return outputs(head, self.samples, seeds, self.asks)

    @torch.no_grad()
    def losses(self, head: Head, seeds: int) -> NDArray[np.float64]:
        """(S,): the mean loss of each of the models on the samples, which have targets."""
        head.eval()
        total, start = np.zeros(seeds), 0
        for shared in self.samples.looks():
            end = start + len(shared[ROW])
            targets = {
                name: x[start:end].expand(seeds, *x[start:end].shape) for name, x in self.samples.targets.items()
            }
            made = head({name: x.expand(seeds, *x.shape) for name, x in shared.items()})
            total += (end - start) * head.loss(made, targets).double().cpu().numpy()
            start = end
        return total / max(1, start)


class Diverged(ConfigError):  # noqa: N818 (reads as what it is)
    """A loss is no longer finite, or of any use."""


@dataclass
class Best:
    """The best state of each seed so far. score: (S,) on validation. epoch: (S,) from 1. state: name -> (S, ...)."""

    score: NDArray[np.float64]
    epoch: NDArray[np.int64]
    state: dict[str, Tensor]
    history: list[Epoch] = field(default_factory=list)

    @classmethod
    def before(cls, state: Mapping[str, Tensor], score: NDArray[np.float64]) -> "Best":
        """The start of training."""
        return cls(
            score, np.zeros(len(score), dtype=np.int64), {name: tensor.clone() for name, tensor in state.items()}
        )

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

    def keep(
        self, state: Mapping[str, Tensor], seeds: NDArray[np.bool_], score: NDArray[np.float64], epoch: int
    ) -> None:
        """Copy what belongs to the seeds marked True, (S,)."""
        self.score[seeds], self.epoch[seeds] = score[seeds], epoch
        for name, tensor in state.items():
            chosen = torch.as_tensor(seeds, device=tensor.device)
            self.state[name][chosen] = tensor[chosen]


@dataclass
class Course:
    """Models in training, epoch by epoch. seeds: (S,), one a model. draws: each model's generator of batches. number:
    epochs begun. plateau: None where the learning rate does not depend on it."""

    head: Head
    samples: Samples
    training: Training
    seeds: Sequence[int]
    optimiser: Optimiser
    draws: list[np.random.Generator]
    number: int = 0
    plateau: Plateau | None = None

    def __post_init__(self) -> None:
        self.step = Step(self.head, self.samples, self.optimiser)

    @classmethod
    def start(cls, head: Head, samples: Samples, training: Training, seeds: Sequence[int]) -> "Course":
        """Before the first epoch."""
        draws = [sampling.generator(seed) for seed in seeds]
        optimiser = Optimiser(head, training.lr, training.optimiser_rule())
        plateau = Plateau.start(len(seeds)) if training.plateau else None
        return cls(head, samples, training, seeds, optimiser, draws, plateau=plateau)

    def descend(self) -> Descent:
        """Train for one epoch. Returns what it told of each model; losses are finite or not."""
        rate = self.training.rate(self.number)
        self.optimiser.lr = self.plateau.rates(rate) if self.plateau else rate
        self.number += 1
        order = np.stack([self._drawn(draw) for draw in self.draws], 1)
        return self._epoch(torch.as_tensor(order, device=self.samples.device))

    def _drawn(self, draw: np.random.Generator) -> NDArray[np.int64]:
        """One model's samples of each step, (steps, B)."""
        per_class, batch = self.training.per_class, self.training.batch
        if not per_class:
            return sampling.shuffled(len(self.samples), batch, draw)
        return sampling.epoch(self.samples.targets[CLASS].cpu().numpy(), per_class, batch, draw)

    def _epoch(self, order: Tensor) -> Descent:
        """One pass over ``order``, (steps, S, B)."""
        self.head.train()
        total = torch.zeros(order.shape[1], device=order.device, dtype=torch.float64)
        terms: dict[str, Tensor] = {}
        with self.optimiser, closing(self.samples.batches(order)) as batches:
            for batch in batches:
                total += self.step.take(batch)
                for name, term in self.step.terms.items():
                    terms[name] = terms[name] + term if name in terms else term.double()
        rate = torch.as_tensor(self.optimiser.lr, dtype=torch.float64).expand(len(total)).numpy()
        means = {name: (one / len(order)).cpu().numpy() for name, one in terms.items()}
        return Descent((total / len(order)).cpu().numpy(), means, rate, self.seeds)

    def only(self, places: Places, head: Head, training: Training) -> "Course":
        """The models at ``places`` where they are now, in ``head``, a head of that many, and under ``training``."""
        head.load_state_dict(_rows(self.head.state_dict(), places))
        before, optimiser = self.optimiser, Optimiser(head, training.lr, training.optimiser_rule())
        optimiser.steps = before.steps
        optimiser.memories, optimiser.layer_memories = (
            [[_at(x, places) for x in memory] for memory in every] for every in (before.memories, before.layer_memories)
        )
        seeds, draws = ([every[place] for place in places] for every in (self.seeds, self.draws))
        plateau = self.plateau.only(places) if self.plateau else None
        return Course(head, self.samples, training, seeds, optimiser, draws, self.number, plateau)


@dataclass
class Judge:
    """Keeps what is the best of some models in training. trial: of validation. running: (S,) False when a model's
    patience is over; it stays in the batch but its kept weights no longer change."""

    trial: Trial
    training: Training
    best: Best
    running: NDArray[np.bool_]

    @classmethod
    def start(cls, state: Mapping[str, Tensor], trial: Trial, training: Training, count: int) -> "Judge":
        """Before the first epoch. state: of the ``count`` models."""
        best = Best.before(state, np.full(count, -np.inf))
        return cls(trial, training, best, np.ones(count, dtype=bool))

    @property
    def going(self) -> bool:
        """Whether another epoch is wanted."""
        return len(self.best.history) < self.training.epochs and bool(self.running.any())

    def judge(self, state: Mapping[str, Tensor], output: Output, descent: Descent) -> Epoch:
        """Score an epoch and keep what is the best so far. state: of the models. output: theirs, of the trial's
        samples. descent: how they came to be so."""
        score, number = self.trial.score(output), len(self.best.history) + 1
        self.best.keep(state, self.running & (score > self.best.score), score, number)
        if self.training.patience:
            self.running &= number - self.best.epoch < self.training.patience
        going = self.running.copy()
        self.best.history.append(Epoch(number, self.training.epochs, descent.loss, score, going, descent))
        return self.best.history[-1]


def _rows(state: Mapping[str, Tensor], places: Places) -> dict[str, Tensor]:
    return {name: _at(tensor, places) for name, tensor in state.items()}


def _at(tensor: Tensor, places: Places) -> Tensor:
    return tensor[torch.as_tensor(places, device=tensor.device)]


def ignore(_: Epoch) -> None:
    """Nobody watches."""


def train(
    head: Head,
    samples: Samples,
    validation: Validation,
    training: Training,
    seeds: Sequence[int],
    watch: Callable[[Epoch], None] = ignore,
) -> Best:
    """Train ``head`` on ``samples`` and leave it with each seed's best weights, in evaluation mode.

    Batches are drawn per seed by that seed's own generator, so a seed ends as it would have alone. A seed whose
    patience is over stays in the batch, but its kept weights no longer change. The score is that of
    ``validation``'s trial; the first of equally good epochs counts. A head without parameters is fitted, where it has
    something to fit, and scored.
    Raises: Diverged when a loss is no longer finite.
    """
    count = len(seeds)
    if head.parameter_count() == 0:
        head.fit(samples.features, samples.targets)
        return Best.before(head.state_dict(), validation.trial.score(validation.outputs(head, count)))
    course = Course.start(head, samples, training, seeds)
    judge = Judge.start(head.state_dict(), validation.trial, training, count)
    while judge.going:
        descent = course.descend()
        if error := diverged(descent.loss, seeds, course.number, training.lr):
            raise error
        if course.plateau:
            course.plateau.told(validation.losses(head, count), training)
        watch(judge.judge(head.state_dict(), validation.outputs(head, count), descent))
    head.load_state_dict(judge.best.state)
    head.eval()
    return judge.best


def diverged(loss: NDArray[np.float64], seeds: Sequence[int], epoch: int, lr: float) -> Diverged | None:
    """What is wrong with the losses of an epoch, (S,), one for each of ``seeds``; None when all are of use."""
    sound = np.isfinite(loss) & (loss < _ABSURD)
    if sound.all():
        return None
    worst = int(np.argmin(sound))
    told = f"{loss[worst]:.0e}" if np.isfinite(loss[worst]) else "not a number"
    what = f"seed {seeds[worst]}: the loss is {told} in epoch {epoch}"
    return Diverged(f"{what}. Take a learning rate below lr={lr}")
