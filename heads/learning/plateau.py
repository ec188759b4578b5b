"""Learning rates that fall where the loss on validation people does: for each model by its own losses."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heads.learning.training import Training


@dataclass
class Plateau:
    """The state of some models. factor: (S,) what each one's learning rate is multiplied by. lowest: (S,) its lowest
    loss so far; since: (S,) epochs that were not below it, since then or since the last fall.

    Source: the rule of torch's ``ReduceLROnPlateau`` without threshold or pause.
    """

    factor: NDArray[np.float64]
    lowest: NDArray[np.float64]
    since: NDArray[np.int64]

    @classmethod
    def start(cls, models: int) -> Self:
        """Before the first epoch."""
        return cls(np.ones(models), np.full(models, np.inf), np.zeros(models, np.int64))

    def told(self, loss: NDArray[np.float64], training: Training) -> None:
        """The losses of an epoch, (S,); after more than ``training.plateau`` of them the factor falls."""
        lower = loss < self.lowest
        self.lowest = np.where(lower, loss, self.lowest)
        self.since = np.where(lower, 0, self.since + 1)
        fallen = self.since > training.plateau
        gamma = np.asarray(training.gamma, np.float64)
        self.factor = np.where(fallen, self.factor * gamma, self.factor)
        self.since = np.where(fallen, 0, self.since)

    def rates(self, lr: float | Tensor) -> Tensor:
        """(S,). lr: of all models, or (S,)."""
        return torch.as_tensor(lr, dtype=torch.float64) * torch.as_tensor(self.factor)

    def only(self, places: NDArray[np.int64]) -> Self:
        """Of the models at ``places``."""
        return type(self)(self.factor[places], self.lowest[places], self.since[places])
