"""Trained rows scored as one, with nothing trained again."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.fingerprint import digest_files
from cache.manifest import Manifest
from cache.store import Store
from heads.checkpoints import checkpoint
from heads.experiments.joined import How
from heads.experiments.loaded import Loaded, Member, members
from heads.learning.training import Recipe
from heads.protocol import Protocol
from heads.statistics.comparison import difference
from heads.statistics.interval import summary
from heads.task import Task
from heads.trial import Fitted, Scores


@dataclass(frozen=True)
class Ensemble:
    """about: of its checkpoint. lost: people left out for want of a member's feature, by part. validation: (S,) what
    an epoch would be judged by. scores: on test, by metric; alone: member -> the same on the same people. scored_on:
    ``Bench.scored_on``. memory: what its checkpoint keeps. parameters: of all members. approximates: as of ``Head``, of
    any of them. seconds: of all this."""

    about: Mapping[str, Any]
    protocol: Protocol
    recipe: Recipe
    people: int
    lost: Mapping[str, int]
    validation: NDArray[np.float64]
    scores: Mapping[str, Scores]
    alone: Mapping[str, Mapping[str, Scores]]
    scored_on: Mapping[str, Any]
    memory: Mapping[str, Tensor]
    parameters: int
    approximates: Sequence[str]
    seconds: float

    def told(self) -> dict[str, dict[str, Any]]:
        """Metric -> ``Metric.told``."""
        known = self.protocol.metrics(self.recipe)
        return {name: known[name].told() for name in self.scores}

    def document(self, how: How, votes: Mapping[str, float]) -> dict[str, Any]:
        """Ready for JSON. members: name -> metric -> ``summary`` on the same people. apart: name -> metric -> the
        ensemble minus that member, paired."""
        kind, told = self.protocol.resamples, self.told()
        bounds = {name: one["bounds"] for name, one in told.items()}
        apart = {
            word: {name: difference(self.scores[name], one, kind, bounds[name]) for name, one in mine.items()}
            for word, mine in self.alone.items()
        }
        return {
            "how": how,
            "votes": dict(votes),
            "people": self.people,
            "metrics": {name: {**told[name], **summary(one, kind, bounds[name])} for name, one in self.scores.items()},
            "members": {
                word: {name: summary(one, kind, bounds[name]) for name, one in mine.items()}
                for word, mine in self.alone.items()
            },
            "apart": apart,
        }


def ensemble(
    paths: Mapping[str, Path],
    store: Store,
    how: How,
    votes: Mapping[str, float],
    mapping: Path | None = None,
    on: str = "cpu",
) -> Ensemble:
    """Score the trained rows at ``paths``, name -> checkpoint, as one, seed by seed: the first seed's models of all
    members together, then the second's.

    how, votes: as of ``joined``; the votes by name, each above 0. Thresholds and the like are fitted anew on validation
    people. Raises: ConfigError when the rows do not go together; WeightsError, StoreError as ``evaluate``.
    """
    start = time.perf_counter()
    found = members(paths, store, mapping, on, _judged)
    first = found[0]
    whole = Loaded({}, first.loaded.recipe, {}, found, how, [votes[one.name] for one in found])
    protocol, recipe, (task, lost) = whole.protocol, whole.recipe, whole.task()
    validation, test = protocol.validation(task, recipe), protocol.test(task, recipe)
    chosen, judged = ([one.said(trial.rows) for one in found] for trial in (validation, test))
    by, output = whole.joined(chosen), whole.joined(judged)
    fitted = protocol.fitted(task, validation, by, recipe)
    alone = {
        one.name: test.scores(mine, protocol.fitted(task, validation, known, recipe))
        for one, known, mine in zip(found, chosen, judged, strict=True)
    }
    memory = {**protocol.memory(test, output, recipe), **_tensors(fitted)}
    return Ensemble(
        _about(found),
        protocol,
        recipe,
        len(test.rows),
        {**lost, "train": 0},  # whose features are not read: nothing is trained
        validation.score(by),
        test.scores(output, fitted),
        alone,
        first.bench.scored_on(task, test),
        memory,
        sum(one.loaded.head.parameter_count() for one in found),
        list(dict.fromkeys(word for one in found for word in one.loaded.head.approximates)),
        time.perf_counter() - start,
    )


def save(path: Path, made: Ensemble, paths: Mapping[str, Path], how: How, votes: Mapping[str, float]) -> None:
    """Its checkpoint, beside which its members' stay where they are. Raises: StoreError."""
    rows = [
        {
            "path": os.path.relpath(one.with_suffix(""), path.parent),
            "digest": digest_files([one]),
            "votes": votes[name],
        }
        for name, one in paths.items()
    ]
    settings = {"rows": rows, "how": how}
    checkpoint.save_ensemble(path, made.memory, {**made.about, "settings": settings})


def _judged(_: Protocol, __: Manifest, task: Task) -> NDArray[np.int64]:
    return np.concatenate([task.val, task.test])


def _tensors(fitted: Fitted) -> dict[str, Tensor]:
    return {name: torch.as_tensor(values) for name, values in fitted.items()}


def _about(found: Sequence[Member]) -> dict[str, Any]:
    """As of the first member, with the features and plug-ins of all."""
    every = [one.loaded.about for one in found]
    outside = {module: one for about in every for module, one in about["plugins"].items()}
    return {
        **every[0],
        "widths": {},
        "shapes": {},
        "features": {name: one for about in every for name, one in about["features"].items()},
        "untrained": sorted({name for about in every for name in about["untrained"]}),
        "plugins": outside,
    }
