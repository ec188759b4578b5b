"""Score a trained head again from its checkpoint, and write what it says of every test person."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.errors import ConfigError
from cache.files import replace_text
from cache.manifest import Manifest
from cache.store import Store
from heads.checkpoints.checkpoint import Checkpoint
from heads.drawing import Drawing
from heads.experiments.loaded import Loaded, load
from heads.head import DIMENSIONS, Output
from heads.protocol import Answer, Protocol
from heads.statistics.interval import summary
from heads.task import Task
from heads.trial import Trial


@dataclass(frozen=True)
class Evaluation:
    """task: without the people who lack a feature. trial: of the test people. output: of those, every field that a head
    gives. metrics: as in results.json. drawings: what a page shows."""

    loaded: Loaded
    task: Task
    trial: Trial
    output: Output
    metrics: Mapping[str, Any]
    drawings: Sequence[Drawing]

    @property
    def manifest(self) -> Manifest:
        """Of the dataset."""
        return self.loaded.manifest

    @property
    def protocol(self) -> Protocol:
        """What it was trained under."""
        return self.loaded.protocol

    @property
    def checkpoint(self) -> Checkpoint:
        """Of the head. Raises: ConfigError for an ensemble, which has several."""
        if len(self.loaded.members) > 1:
            raise ConfigError("an ensemble has several heads. Give one of its rows")
        return self.loaded.members[0].loaded

    def answers(self) -> list[Answer]:
        """What is said of every test person, nobody being judged by himself."""
        known = self.loaded
        return self.protocol.answers(known.memory, known.about["task"], known.recipe, self.output, self.trial.rows)


def evaluate(path: Path, store: Store, mapping: Path | None = None, on: str = "cpu") -> Evaluation:
    """Score the checkpoint at ``path``, a head's or an ensemble's, on the test people of the dataset it was trained on.

    mapping: the one it was trained with, if it was not the protocol's own. Raises: WeightsError for the checkpoint;
    StoreError when the store holds another state of annotation or features, and for another mapping.
    """
    loaded = load(path, store, mapping, on, _rows)
    protocol, (task, _) = loaded.protocol, loaded.task()
    trial = protocol.test(task, loaded.recipe)
    output = loaded.said(trial.rows)
    fitted = {name: loaded.memory[name].cpu().numpy() for name in protocol.fits}
    scores, drawings = trial.judged(output, fitted)
    known = protocol.metrics(loaded.recipe)
    metrics = {name: summary(one, protocol.resamples, known[name].bounds) for name, one in scores.items()}
    return Evaluation(loaded, task, trial, output, metrics, drawings)


def _rows(_: Protocol, __: Manifest, task: Task) -> NDArray[np.int64]:
    return np.concatenate([task.train, task.val, task.test])


def csv_text(found: Evaluation) -> str:
    """One line a test person: key, what is right, what is said (the classes that are named, or else the one with the
    greatest share), the features among the head's that no trained network made, every share of the main answer, and
    dimensions."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    answers = found.answers()
    answer, beyond = answers[0], [one for one in answers[1:] if one.title == DIMENSIONS]
    told = [answer, *beyond]
    writer.writerow(["key", "class", "predicted", "untrained", *(name for one in told for name in one.names)])
    untrained = " ".join(found.loaded.about["untrained"])
    every = torch.cat([one.shares for one in told], 1).tolist()
    for place, (row, shares) in enumerate(zip(found.trial.rows.tolist(), every, strict=True)):
        right, best = found.protocol.truth(found.task, row), ", ".join(answer.said(place))
        writer.writerow([found.manifest.keys[row], right, best, untrained, *(f"{share:.6f}" for share in shares)])
    return out.getvalue()


def write(path: Path, found: Evaluation) -> None:
    """Raises: StoreError when the folder cannot be written."""
    replace_text(path, csv_text(found))
