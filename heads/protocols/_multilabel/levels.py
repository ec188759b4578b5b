"""What is scored without having seen anybody: chance, measured by the same metrics on the same people."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logit

from cache.manifest import Manifest
from heads.head import DIMENSIONS, FLAGS, Output
from heads.protocols._multilabel.geometry import probe
from heads.protocols._multilabel.trial import FlagsTrial
from heads.task import Task
from heads.trial import Level

SEED, SHUFFLES = 3, 20
OF_SHARES = frozenset({"log_loss", "calibration_error"})
"""Metrics of how large shares are, of which shuffled labels, being yes or no, have none."""
Array = NDArray[np.float64]


def levels(manifest: Manifest, task: Task, validation: FlagsTrial, test: FlagsTrial) -> list[Level]:
    """Each class as often as among training people, whoever it is, with their mean dimensions; the right labels of
    other people, drawn by chance; and a probe on boxes. Thresholds are each one's own, fitted on validation."""
    found = probe(manifest, task)
    seen = (_output(found.logits[None, one.rows], _some(found.dimensions, one.rows)) for one in (validation, test))
    every = {
        ("label_frequency", "label frequency"): _scored(validation, test, *_frequent(task, validation, test)),
        ("shuffled", "shuffled labels"): _shuffled(validation, test),
        ("geometry", "geometry"): _scored(validation, test, *seen),
    }
    return [Level(name, title, values) for (name, title), values in every.items()]


def _scored(validation: FlagsTrial, test: FlagsTrial, known: Output, said: Output) -> dict[str, float]:
    return test.points(said, validation.fitted(known))


def _frequent(task: Task, *trials: FlagsTrial) -> list[Output]:
    shares = np.asarray(task.targets[FLAGS], np.float64)[task.train].mean(0)
    logits = logit(np.clip(shares, 1e-6, 1 - 1e-6))
    known = task.targets.get(DIMENSIONS)
    mean = None if known is None else _mean(np.asarray(known, np.float64)[task.train])
    return [
        _output(
            np.broadcast_to(logits, (1, len(one.rows), len(logits))),
            None if mean is None else np.broadcast_to(mean, (1, len(one.rows), len(mean))),
        )
        for one in trials
    ]


def _mean(values: Array) -> Array:
    """(D,): of those that are known; one half where none is."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(0)
    return np.asarray(np.divide(total, known.sum(0), out=np.full(len(total), 0.5), where=known.any(0)))


def _shuffled(validation: FlagsTrial, test: FlagsTrial) -> Mapping[str, float]:
    draw = np.random.default_rng([SEED, SHUFFLES])
    known, said = (_other_people(one, draw) for one in (validation, test))
    values = _scored(validation, test, known, said)
    return {name: value for name, value in values.items() if name not in OF_SHARES}


def _other_people(trial: FlagsTrial, draw: np.random.Generator) -> Output:
    """SHUFFLES predictions: the trial's own labels in another order. An unknown dimension becomes its mean."""
    orders = np.stack([draw.permutation(len(trial.rows)) for _ in range(SHUFFLES)])
    flags = np.where(trial.flags[orders], 1.0, -1.0)
    if trial.truth is None:
        return _output(flags, None)
    truth = trial.truth.astype(np.float64)
    return _output(flags, np.where(np.isnan(truth), _mean(truth), truth)[orders])


def _some(values: Array | None, rows: NDArray[np.int64]) -> Array | None:
    return None if values is None else values[None, rows]


def _output(logits: Array, dimensions: Array | None) -> Output:
    told = None if dimensions is None else torch.as_tensor(dimensions.copy())
    return Output(logits=torch.as_tensor(logits.copy()), dimensions=told)
