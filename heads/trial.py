"""How a head's outputs on some people are judged, and the scores that come of it: what a protocol's file gives."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heads.drawing import Drawing
from heads.head import Output


class Resamples(StrEnum):
    """What the second axis of scores is: independent ``DRAWS`` of the measurement, whose mean is the score, or
    ``BOOTSTRAP`` repetitions of it on resampled data, whose spread is the score's own."""

    DRAWS = "draws"
    BOOTSTRAP = "bootstrap"


Fitted = Mapping[str, NDArray[np.generic]]
"""What was fitted on validation, by name; each begins with the seeds' axis."""
NOTHING: Fitted = MappingProxyType({})


class Scores(NamedTuple):
    """One metric. seeds: (S,) each model's score. resampled: (S, R) its scores by resample. classes: the same of each
    class, or dimension, by its name, where the score is their mean."""

    seeds: NDArray[np.float64]
    resampled: NDArray[np.float64]
    classes: Mapping[str, "Scores"] = MappingProxyType({})


class Level(NamedTuple):
    """A score that needs no learning, such as chance. values: metric -> the score; a metric without one is left
    out."""

    name: str
    title: str
    values: Mapping[str, float]


class Trial(ABC):
    """People, and how a head's outputs on them are judged. rows: (n,) their rows of the manifest, in the order of the
    outputs."""

    rows: NDArray[np.int64]

    @abstractmethod
    def score(self, output: Output) -> NDArray[np.float64]:
        """(S,): one number a model, the higher the better; the epoch with the highest on validation is kept."""

    @abstractmethod
    def scores(self, output: Output, fitted: Fitted = NOTHING) -> dict[str, Scores]:
        """Metric -> its scores; the same resamples for every head, so that two heads can be paired. fitted: of
        ``Protocol.fitted``. A metric of what the head does not give is left out."""

    @abstractmethod
    def scored_on(self) -> dict[str, Any]:
        """What two rows must have in common to be paired, by name, ready for JSON."""

    def judged(self, output: Output, fitted: Fitted = NOTHING) -> tuple[dict[str, Scores], list[Drawing]]:
        """``scores``, and what the page shows of one head; at once, for most of the work is the same."""
        return self.scores(output, fitted), []
