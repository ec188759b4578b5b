"""Train all seeds of a head together; each keeps the weights of its best epoch on validation.

Test samples are no argument here, so nothing of them can be looked at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
from heads.training import Training


@dataclass(frozen=True)
class Epoch:
    """One epoch as it is told to whoever watches. loss, validation: (S,). running: seeds still in training."""

    number: int
    of: int
    loss: NDArray[np.float64]
    validation: NDArray[np.float64]
    running: int


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

    def keep(self, head: Head, seeds: NDArray[np.bool_], score: NDArray[np.float64], epoch: int) -> None:
        """Copy what belongs to the seeds marked True, (S,)."""
        self.score[seeds], self.epoch[seeds] = score[seeds], epoch
        for name, tensor in head.state_dict().items():
            chosen = torch.as_tensor(seeds, device=tensor.device)
            self.state[name][chosen] = tensor[chosen]


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
    Raises: ConfigError when the loss is no longer finite.
    """
    if head.parameter_count() == 0:
        return Best.before(head, _score(head, validation, len(seeds)))
    best = Best.before(head, np.full(len(seeds), -1.0))
    draws = [sampling.generator(seed) for seed in seeds]
    labels = samples.labels.cpu().numpy()
    running = np.ones(len(seeds), dtype=bool)
    optimiser = RMSprop(head, training.lr)
    for number in range(1, training.epochs + 1):
        optimiser.lr = training.rate(number - 1)
        order = np.stack([sampling.epoch(labels, training.per_class, training.batch, draw) for draw in draws], 1)
        loss = _epoch(head, samples, torch.as_tensor(order, device=samples.labels.device), optimiser)
        _check_finite(loss, seeds, number, training.lr)
        score = _score(head, validation, len(seeds))
        best.keep(head, running & (score > best.score), score, number)
        if training.patience:
            running &= number - best.epoch < training.patience
        best.history.append(Epoch(number, training.epochs, loss, score, int(running.sum())))
        watch(best.history[-1])
        if not running.any():
            break
    head.load_state_dict(best.state)
    head.eval()
    return best


def _epoch(head: Head, samples: Samples, order: Tensor, optimiser: RMSprop) -> NDArray[np.float64]:
    """One pass over ``order``, (steps, S, B). Returns the mean loss of each seed over all steps."""
    head.train()
    total = torch.zeros(order.shape[1], device=order.device, dtype=torch.float64)
    with optimiser:
        for places in order:
            total += step(head, samples, places, optimiser)
    mean: NDArray[np.float64] = (total / len(order)).cpu().numpy()
    return mean


def step(head: Head, samples: Samples, places: Tensor, optimiser: RMSprop) -> Tensor:
    """One optimiser step on the samples at ``places``, (S, B). Returns the loss before it, (S,), without a graph."""
    features, labels = samples.batch(places)
    loss = head.loss(head(features), labels)
    optimiser.step(loss.sum())
    return loss.detach()


def _score(head: Head, trial: Trial, seeds: int) -> NDArray[np.float64]:
    correct, total = trial.counts(head, seeds)
    return np.asarray(macro_accuracy.score(correct, total).mean(1))


def _check_finite(loss: NDArray[np.float64], seeds: Sequence[int], epoch: int, lr: float | Tensor) -> None:
    if not np.isfinite(loss).all():
        place = int(np.argmin(np.isfinite(loss)))
        rate = float(lr[place]) if isinstance(lr, Tensor) else lr
        what = f"seed {seeds[place]}: the loss is not a number in epoch {epoch}"
        raise ConfigError(f"{what}. Take a learning rate below lr={rate}")
