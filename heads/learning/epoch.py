"""One epoch as it is told to whoever watches a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Descent(NamedTuple):
    """What an epoch's steps told of S models. loss: (S,) the mean over the steps. terms: the same of each loss term, by
    its name. rate: (S,) the learning rate. seeds: (S,)."""

    loss: Numbers
    terms: Mapping[str, Numbers]
    rate: Numbers
    seeds: Sequence[int]

    def of(self, models: slice) -> "Descent":
        """Of some of the models."""
        terms = {name: values[models] for name, values in self.terms.items()}
        return Descent(self.loss[models], terms, self.rate[models], self.seeds[models])


@dataclass(frozen=True)
class Epoch:
    """loss, validation: (S,). going: (S,) True for the seeds still in training. descent: what more its steps told;
    None of an epoch that is read from a row."""

    number: int
    of: int
    loss: Numbers
    validation: Numbers
    going: NDArray[np.bool_]
    descent: Descent | None = field(default=None, compare=False, repr=False)

    @property
    def running(self) -> int:
        """How many seeds are still in training."""
        return int(self.going.sum())
