"""A cell of a table: what to train, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache import plugins
from cache.errors import ConfigError
from heads.head import Head
from heads.learning.train import Best
from heads.learning.training import Recipe
from heads.statistics.interval import summary
from heads.trial import Resamples, Scores


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

    @property
    def vectors(self) -> frozenset[str]:
        """Those of ``inputs`` that must be vectors."""
        return frozenset(self.inputs) - frozenset(self.model.arrays_of(self.recipe))

    def check_files(self) -> None:
        """Of a file that training reads, long before it does. Raises: ConfigError where it cannot be opened."""
        for path in self.model.files_of(self.recipe):
            try:
                with path.open("rb"):
                    pass
            except OSError as error:
                setting = next((name for name, value in self.settings.items() if value == str(path)), "its settings")
                told = f"{path}: cannot be read: {error.strerror or error}"
                raise ConfigError(f"{told}. See {setting} of {self.name}") from None


@dataclass(frozen=True)
class Twin:
    """A finished cell of another protocol with the same training. row: of its results.json."""

    protocol: str
    row: Mapping[str, Any]
    checkpoint: Path


@dataclass(frozen=True)
class Result:
    """best: of training. scores: on test, by metric. metrics: ``Metric.told`` of each. resamples: what the scores'
    second axis is. lost: people left out for
    want of a feature, by part. scored_on: what another row must have in common with this one to be paired with it
    (``Bench.scored_on``). untrained: the features that no trained network made. seconds: of training and scoring; of a
    cell that was trained together with others, its share of theirs (``run_together``). training_seconds: of the
    training alone, wherever it was. trained_for: the protocol whose training this is too, which saw the same people;
    None when it was trained itself. plugins: file and digest of those outside this project that it runs through, by
    module. approximates: ``Head.approximates``."""

    cell: Cell
    best: Best
    scores: Mapping[str, Scores]
    metrics: Mapping[str, Mapping[str, Any]]
    resamples: Resamples
    lost: Mapping[str, int]
    scored_on: Mapping[str, Any]
    untrained: Sequence[str]
    parameters: int
    seconds: float
    training_seconds: float
    trained_for: str | None = None
    plugins: Mapping[str, Any] = field(default_factory=dict)
    approximates: Sequence[str] = ()

    def summaries(self) -> dict[str, Any]:
        """Metric -> mean, spread and interval."""
        return summaries_of(self.scores, self.resamples, self._bounds())

    def classes(self) -> dict[str, Any]:
        """Metric -> class, or dimension -> mean, spread and interval, of those that are means over them."""
        return classes_of(self.scores, self.resamples, self._bounds())

    def _bounds(self) -> dict[str, Any]:
        return {name: one["bounds"] for name, one in self.metrics.items()}

    def row(self) -> dict[str, Any]:
        """One row of results.json, without ``paper`` and ``features``; fractions in 0..1. history: for each epoch one
        number per seed; a seed that has stopped is still in the batch, so its numbers go on."""
        return {
            "head": self.cell.head,
            "name": self.cell.name,
            "seeds": len(self.best.epoch),
            "parameters": self.parameters,
            "seconds": round(self.seconds, 3),
            "training_seconds": round(self.training_seconds, 3),
            "trained_for": self.trained_for,
            "metrics": self.summaries(),
            **({"classes": classes} if (classes := self.classes()) else {}),
            "left_out": dict(self.lost),
            "scored_on": dict(self.scored_on),
            "untrained": list(self.untrained),
            **({"approximates": list(self.approximates)} if self.approximates else {}),
            "best_epochs": self.best.epoch.tolist(),
            "validation": [round(float(score), 6) for score in self.best.score],
            "history": {
                "loss": [_rounded(epoch.loss) for epoch in self.best.history],
                "validation": [_rounded(epoch.validation) for epoch in self.best.history],
            },
            "settings": self.cell.settings,
            **({"plugins": dict(self.plugins)} if self.plugins else {}),
        }


def summaries_of(scores: Mapping[str, Scores], kind: Resamples, bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Metric -> ``summary``. bounds: by metric."""
    return {name: summary(one, kind, bounds[name]) for name, one in scores.items()}


def classes_of(scores: Mapping[str, Scores], kind: Resamples, bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Metric -> class, or dimension -> ``summary``, of those that are means over them. bounds: by metric."""
    return {
        name: {word: summary(each, kind, bounds[name]) for word, each in known.items()}
        for name, one in scores.items()
        if (known := one.classes)
    }


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 6) for value in values]
