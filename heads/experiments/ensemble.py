"""Late fusion: what several trained heads say of the same people, as one, with nothing trained again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cache.errors import ConfigError
from cache.manifest import Manifest
from cache.store import Store
from heads import protocol as protocols
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_protocol
from heads.checkpoints.checkpoint import Checkpoint
from heads.experiments.bench import Bench
from heads.experiments.evaluate import check_store
from heads.head import CLASS, Output, given
from heads.inputs.features import device, load_split
from heads.inputs.samples import outputs
from heads.protocol import Protocol, Scores, Trial
from heads.statistics.comparison import difference
from heads.statistics.interval import summary
from heads.task import Task

How = Literal["average", "maximum"]
LEAST = 1e-12
"""A share is at least this, and of several labels at most 1 less this, so that its logit is a number."""


@dataclass(frozen=True)
class Member:
    """A trained row. name: ``run/row``. bench: the people with its features. task: without those who lack one."""

    name: str
    loaded: Checkpoint
    bench: Bench
    task: Task

    def said(self, trial: Trial) -> Output:
        """Logits and, where it gives them, dimensions of the trial's people."""
        head, known = self.loaded.head, self.loaded
        samples = self.bench.samples(head, known.scales, trial.rows)
        return outputs(head, samples, len(known.about["seeds"]), sorted({"logits", "dimensions"} & head.gives))


@dataclass(frozen=True)
class Ensemble:
    """people: test people whom every member has the features of. metrics: by name, ``summary`` of the ensemble with
    ``Metric.told``. members: name -> metric -> ``summary`` on the same people. apart: name -> metric -> the ensemble
    minus that member, paired."""

    people: int
    metrics: Mapping[str, Mapping[str, Any]]
    members: Mapping[str, Mapping[str, Any]]
    apart: Mapping[str, Mapping[str, Any]]

    def document(self, how: How, votes: Mapping[str, float]) -> dict[str, Any]:
        """Ready for JSON."""
        return {"how": how, "votes": dict(votes), **vars(self)}


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

    how: of shares and dimensions, the average, each by its votes, or the maximum. votes: by name, each above 0.
    Thresholds and the like are fitted anew on validation people. Raises: ConfigError when the rows do not go together;
    WeightsError, StoreError as ``evaluate``.
    """
    members = _members(paths, store, mapping, on)
    first = members[0]
    protocol, manifest = first.bench.protocol, first.bench.manifest
    here = np.logical_and.reduce([_present(one, manifest) for one in members])
    task, _ = first.bench.task.only(here)
    recipe = first.loaded.recipe
    validation, test = protocol.validation(task, recipe), protocol.test(task, recipe)
    said = {part: [one.said(trial) for one in members] for part, trial in (("val", validation), ("test", test))}
    factors = [votes[one.name] for one in members]
    one_class = CLASS in task.targets
    whole = {part: joined(every, how, factors, one_class) for part, every in said.items()}
    scores = test.scores(whole["test"], protocol.fitted(task, validation, whole["val"], recipe))
    alone = {
        one.name: test.scores(mine, protocol.fitted(task, validation, known, recipe))
        for one, known, mine in zip(members, said["val"], said["test"], strict=True)
    }
    return _compared(protocol, recipe, len(test.rows), scores, alone)


def joined(every: Sequence[Output], how: How, votes: Sequence[float], one_class: bool) -> Output:
    """Of the same people. every: with logits, of a softmax where each person has ``one_class``; without the dimensions
    that one of them does not give."""
    shares = [given(one.logits).double() for one in every]
    shares = [x.softmax(2) if one_class else x.sigmoid() for x in shares]
    made = _one(shares, how, votes).clamp(LEAST, 1.0 if one_class else 1 - LEAST)
    told = [one.dimensions.double() for one in every if one.dimensions is not None]
    dimensions = _one(told, how, votes) if len(told) == len(every) else None
    return Output(logits=made.log() if one_class else made.logit(), dimensions=dimensions)


def _one(values: Sequence[Tensor], how: How, votes: Sequence[float]) -> Tensor:
    if how == "maximum":
        return torch.stack([*values]).amax(0)
    return sum((w * x for w, x in zip(votes, values, strict=True)), torch.zeros_like(values[0])) / sum(votes)


def _members(paths: Mapping[str, Path], store: Store, mapping: Path | None, on: str) -> list[Member]:
    loaded = {name: checkpoint.load(path, on) for name, path in paths.items()}
    (first, known), *others = loaded.items()
    for name, other in others:
        for word in ("dataset", "source", "protocol", "seeds", "task", "sizes"):
            if known.about[word] != other.about[word]:
                told = f"{first} has {word} {_short(known.about[word])}, {name} {_short(other.about[word])}"
                raise ConfigError(f"{told}. Only rows of the same people, protocol and seeds are one ensemble")
        for setting in sorted(known.recipe.judging):
            if getattr(known.recipe, setting) != getattr(other.recipe, setting):
                told = f"{first} has {setting} = {getattr(known.recipe, setting)}, {name} "
                raise ConfigError(f"{told}{getattr(other.recipe, setting)}. Train them with the same")
    for name, one in loaded.items():
        if "logits" not in one.head.gives:
            raise ConfigError(f"{name}: head {one.about['head']} gives no logits, of which an ensemble is made")
    return [_member(name, paths[name], one, store, mapping, on) for name, one in loaded.items()]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _member(name: str, path: Path, loaded: Checkpoint, store: Store, mapping: Path | None, on: str) -> Member:
    manifest = store.manifest(loaded.about["dataset"])
    features = store.features(manifest.dataset)
    check_store(path, loaded.about, {word: one.fingerprint for word, one in features.items()} | {"": manifest.source})
    protocol = protocols.find(loaded.about["protocol"], mapping)
    check_protocol(path, loaded.about, protocol)
    if lacking := sorted(protocol.asks - {"logits", "dimensions"}):
        told = f"protocol {protocol.name} judges by {', '.join(lacking)}"
        raise ConfigError(f"{name}: {told}; an ensemble is made of logits and dimensions")
    whole = protocol.task(manifest)
    rows = np.unique(np.concatenate([whole.val, whole.test]))
    arrays = loaded.head.arrays_of(loaded.recipe)
    split = load_split(features, manifest, loaded.head.inputs, rows, device(on), arrays)
    bench = Bench(manifest, features, protocol, whole, split, device(on))
    return Member(name, loaded, bench, bench.having(loaded.head.inputs)[0])


def _present(one: Member, manifest: Manifest) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return one.bench.split.having(one.loaded.head.inputs, len(manifest))


def _compared(
    protocol: Protocol,
    recipe: Any,
    people: int,
    scores: Mapping[str, Scores],
    alone: Mapping[str, Mapping[str, Scores]],
) -> Ensemble:
    told = protocol.metrics(recipe)
    kind = protocol.resamples
    metrics = {name: {**told[name].told(), **summary(one, kind, told[name].bounds)} for name, one in scores.items()}
    members = {
        word: {name: summary(one, kind, told[name].bounds) for name, one in mine.items()}
        for word, mine in alone.items()
    }
    apart = {
        word: {name: difference(scores[name], mine[name], kind, told[name].bounds) for name in scores if name in mine}
        for word, mine in alone.items()
    }
    return Ensemble(people, metrics, members, apart)
