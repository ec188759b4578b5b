"""A cell of a table: what to train, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache import plugins
from heads.episodes import Counts
from heads.head import Head
from heads.interval import summary
from heads.metrics import accuracy, macro_accuracy
from heads.train import Best
from heads.training import Recipe

METRICS = {"accuracy": accuracy, "macro_accuracy": macro_accuracy}


@dataclass(frozen=True)
class Cell:
    """What to train: a head's name, its settings, and the name its checkpoint gets."""

    head: str
    recipe: Recipe
    name: str

    @property
    def model(self) -> type[Head]:
        """The head's class."""
        model: type[Head] = plugins.load("heads.models", self.head, "Model")
        return model

    @property
    def settings(self) -> dict[str, Any]:
        """All of the recipe, ready for JSON."""
        return self.recipe.model_dump(mode="json")

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the head reads, as its settings say. Raises: ConfigError."""
        return self.model.inputs_of(self.recipe)


@dataclass(frozen=True)
class Twin:
    """A finished cell of another protocol with the same training. row: of its results.json."""

    protocol: str
    row: Mapping[str, Any]
    checkpoint: Path


@dataclass(frozen=True)
class Result:
    """best: of training. counts: on test. lost: people left out for want of a feature, by part. scored_on: fingerprints
    of the ``people`` that were scored, with their classes and in order, and of the ``support`` draws among them.
    untrained: the features that no trained network made. seconds: of training and scoring; of a cell that was trained
    together with others, its share of theirs (``run_together``). training_seconds: of the training alone, wherever it
    was. trained_for: the protocol whose training this is too, which saw the same people; None when it was trained
    itself."""

    cell: Cell
    best: Best
    counts: Counts
    lost: Mapping[str, int]
    scored_on: Mapping[str, str]
    untrained: Sequence[str]
    parameters: int
    seconds: float
    training_seconds: float
    trained_for: str | None = None

    def row(self) -> dict[str, Any]:
        """One row of results.json, without ``paper`` and ``features``; fractions in 0..1. history: for each epoch one
        number per seed; a seed that has stopped is still in the batch, so its numbers go on."""
        scores = {name: metric.score(*self.counts) for name, metric in METRICS.items()}
        return {
            "head": self.cell.head,
            "name": self.cell.name,
            "seeds": len(self.best.epoch),
            "parameters": self.parameters,
            "seconds": round(self.seconds, 3),
            "training_seconds": round(self.training_seconds, 3),
            "trained_for": self.trained_for,
            "metrics": {name: summary(values) for name, values in scores.items()},
            "left_out": dict(self.lost),
            "scored_on": dict(self.scored_on),
            "untrained": list(self.untrained),
            "best_epochs": self.best.epoch.tolist(),
            "validation": [round(float(score), 6) for score in self.best.score],
            "history": {
                "loss": [_rounded(epoch.loss) for epoch in self.best.history],
                "validation": [_rounded(epoch.validation) for epoch in self.best.history],
            },
            "settings": self.cell.settings,
        }


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 6) for value in values]
