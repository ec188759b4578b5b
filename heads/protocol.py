"""What a protocol must provide: what is learned, by whom, and how it is judged. A file in heads/protocols is one.

A head says how something is learned; a protocol says what. Everything else (batched training, cells, grids, tables,
pages, prediction) knows this contract alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cache.config import Settings
from cache.errors import ConfigError
from cache.manifest import Manifest
from heads.head import CLASS, Output
from heads.metric import Metric
from heads.task import PARTS, Task
from heads.trial import Level, Resamples, Trial


class Answer(NamedTuple):
    """What is said of some people. title: its word; ``heads.head.DIMENSIONS`` for numbers that are no classes. names:
    of the columns. shares: (n, C) in 0..1. named: (n, C) bool, which of them are said to be there; None where it is the
    one with the greatest share. logits: (n, C), the mean of the models' logits that the shares are of: the names are
    then those of what the head learned, in order. None where the shares come about otherwise."""

    title: str
    names: Sequence[str]
    shares: Tensor
    named: Tensor | None = None
    logits: Tensor | None = None

    def said(self, person: int) -> list[str]:
        """The names that are said of one of the people."""
        if self.named is None:
            return [self.names[int(self.shares[person].argmax())]]
        return [name for name, there in zip(self.names, self.named[person].tolist(), strict=True) if there]


class Nearest(NamedTuple):
    """The samples that n people are compared with, the nearest first. rows: (n, k) their rows of the manifest.
    likeness: (n, k) how near, at most 1."""

    rows: Tensor
    likeness: Tensor


class Finds(NamedTuple):
    """People whom a head found in n images by itself, no more than N in each. boxes: (n, N, 4) xyxy in shares 0..1 of
    width and height. scores: (n, N) in 0..1, from the highest down; 0: nobody. answer: of the n * N places, those of
    the first image first; what it says of a place without anybody means nothing."""

    boxes: Tensor
    scores: Tensor
    answer: Answer


class Protocol(ABC):
    """One word of a protocol, as ``PROTOCOL=`` names it.

    Config: the settings of judging; nothing of training depends on them. measuring: those of them that say only how
    finely it is measured. learns: the kinds of targets that a head must learn. asks: the fields of a head's Output that
    are judged. fits: the names of what ``fitted`` finds on validation. resamples, over: what the intervals are over
    beside seeds, for the arithmetic and in words.
    """

    Config: ClassVar[type[Settings]] = Settings
    measuring: ClassVar[frozenset[str]] = frozenset()
    learns: ClassVar[frozenset[str]]
    asks: ClassVar[frozenset[str]]
    fits: ClassVar[frozenset[str]] = frozenset()
    resamples: ClassVar[Resamples]
    over: ClassVar[str]

    def __init__(self, word: str, mapping: Path | None = None) -> None:
        """word: one of ``words(mapping)``. Raises: ConfigError for a mapping that the protocol does not take."""
        if mapping is not None:
            raise ConfigError(f"MAPPING={mapping}: {word} takes the labels as they are. Leave MAPPING out")
        self.name = word

    @classmethod
    def words(cls, mapping: Path | None = None) -> list[str]:  # noqa: ARG003 (a protocol may read it)
        """The words there are; by default one, the file's name with dashes. mapping: a TOML of the user's that says how
        labels become targets. Raises: ConfigError."""
        return [_file(cls).replace("_", "-")]

    @property
    def kind(self) -> str:
        """The file's name."""
        return _file(type(self))

    def asked(self, gives: frozenset[str], task: Task) -> frozenset[str]:  # noqa: ARG002 (a protocol may look)
        """The fields that are judged of a head that ``gives`` those: ``asks``, and what the task allows beyond."""
        return self.asks

    @abstractmethod
    def metrics(self, settings: Any) -> dict[str, Metric]:
        """By name; the first one is the main one. settings: of ``Config``. A head that does not give what one of them
        takes has no score of it."""

    def validation_title(self, settings: Any) -> str:
        """What an epoch is judged by, for the page's curves: ``macro accuracy %``; by default the main metric."""
        main = next(iter(self.metrics(settings).values()))
        return f"{main.title} {main.unit}".strip()

    @abstractmethod
    def task(self, manifest: Manifest) -> Task:
        """The usable people of a manifest. Raises: ConfigError when the dataset lacks what is to be learned."""

    def faults(self, manifest: Manifest, task: Task, settings: Any) -> list[str]:  # noqa: ARG002 (see above)
        """Why ``task`` cannot be judged, each with the number that is needed."""
        return []

    @abstractmethod
    def validation(self, task: Task, settings: Any) -> Trial:
        """Of the people that an epoch is judged on."""

    @abstractmethod
    def test(self, task: Task, settings: Any) -> Trial:
        """Of the test people."""

    def fitted(self, task: Task, trial: Trial, output: Output, settings: Any) -> dict[str, NDArray[np.generic]]:  # noqa: ARG002
        """What ``fits`` names, such as thresholds, (S, ...) each. trial: of validation, never of test. output: of the
        best epochs on its people. A checkpoint keeps it in its memory under the same names."""
        return {}

    def levels(self, manifest: Manifest, task: Task, settings: Any) -> list[Level]:  # noqa: ARG002 (see above)
        """Scores on test that no head learned, of the metrics that ``settings`` ask for."""
        return []

    def people(self, task: Task) -> dict[str, dict[str, int]]:
        """train, val, test -> class -> people; empty where targets are no classes."""
        return task.class_counts() if CLASS in task.targets else {}

    def described(self, manifest: Manifest, task: Task) -> dict[str, Any]:  # noqa: ARG002 (see above)
        """What results.json tells of the task: ``about`` (a word or two for the first note), ``caption``, ``notes``
        (lines below a table) and ``labels``, the page's table of them: ``caption``, ``columns``, ``rows`` (one for each
        class), ``numbers`` (how many of the last columns are) and ``notes``. More may stand in it, and goes into
        results.json as it is."""
        counts = self.people(task)
        rows = [[name, *(str(counts.get(part, {}).get(name, 0)) for part in PARTS)] for name in task.classes]
        labels = {"caption": "People by class", "columns": ["class", *PARTS], "numbers": len(PARTS), "rows": rows}
        tested = ", ".join(f"{name} {count}" for name, count in counts.get("test", {}).items())
        notes = [f"Test people by class: {tested}."] if tested else []
        return {"about": "", "caption": "test people", "notes": notes, "labels": {**labels, "notes": []}}

    @classmethod
    def mapped(cls, manifest: Manifest, mapping: Path | None) -> str | None:  # noqa: ARG003 (see above)
        """People of each class under every word, as text; None when the dataset has nothing for this protocol."""
        return None

    def agree(self, about: Mapping[str, Any]) -> str | None:  # noqa: ARG002 (see above)
        """What differs between this protocol and the one of ``Task.about`` of a trained head; None when nothing."""
        return None

    def truth(self, task: Task, row: int) -> str:
        """What is right of the person in that row, in words."""
        return task.classes[int(task.labels[row])]

    def memory(self, trial: Trial, output: Output, settings: Any) -> dict[str, Tensor]:  # noqa: ARG002 (see above)
        """What of ``trial``, on test, a checkpoint must keep so that ``answers`` needs no dataset."""
        return {}

    def unlabelled(self, manifest: Manifest) -> NDArray[np.int64]:  # noqa: ARG002 (see above)
        """Rows of test people whose labels are not public, of whom ``submission`` can be written; by default nobody."""
        return np.zeros(0, np.int64)

    def submission(
        self,
        manifest: Manifest,
        rows: NDArray[np.int64],
        here: NDArray[np.bool_],  # noqa: ARG002 (see above)
        answers: Sequence[Answer],  # noqa: ARG002
    ) -> str:
        """The file that a dataset's distributors judge: rows, (n,) ``unlabelled``; here: (n,) who has all features;
        answers: on those. Raises: ConfigError where no form is known."""
        raise ConfigError(f"{manifest.dataset}: {self.name} knows no form to submit the {len(rows)} test people in")

    @classmethod
    def check_memory(cls, memory: Mapping[str, Tensor], about: Mapping[str, Any], output: Output) -> None:  # noqa: ARG003
        """Raises: LookupError, ValueError when ``memory`` does not fit ``Task.about`` or a head's ``output`` on one
        sample."""
        if memory:
            raise ValueError(f"memory: {', '.join(memory)}, of which the protocol knows nothing")

    @classmethod
    @abstractmethod
    def answers(
        cls,
        memory: Mapping[str, Tensor],
        about: Mapping[str, Any],
        settings: Any,
        output: Output,
        rows: NDArray[np.int64] | None = None,
    ) -> list[Answer]:
        """What a trained head says of people, the main answer first. about: ``Task.about``. output: on n people. rows:
        (n,) their rows of the manifest, where they may be among those of ``memory``: nobody is judged by himself."""

    @classmethod
    def nearest(
        cls,
        memory: Mapping[str, Tensor],  # noqa: ARG003 (see above)
        output: Output,  # noqa: ARG003
        rows: NDArray[np.int64],  # noqa: ARG003
        most: int,  # noqa: ARG003
    ) -> Nearest | None:
        """Of n people, the samples of ``memory`` that are nearest to each, ``most`` or as many as there are. None where
        nobody is judged by samples. Arguments: as of ``answers``; nobody is his own sample."""
        return None

    @classmethod
    def in_boxes(
        cls,
        memory: Mapping[str, Tensor],  # noqa: ARG003 (see above)
        about: Mapping[str, Any],  # noqa: ARG003
        settings: Any,  # noqa: ARG003
        output: Output,  # noqa: ARG003
    ) -> Answer | None:
        """What a trained head says of the people in boxes that were given, K in each of n images: of the n * K places,
        those of the first image first. None where a sample is one person. Arguments: as of ``answers``."""
        return None

    @classmethod
    def finds(
        cls,
        memory: Mapping[str, Tensor],  # noqa: ARG003 (see above)
        about: Mapping[str, Any],  # noqa: ARG003
        settings: Any,  # noqa: ARG003
        output: Output,  # noqa: ARG003
    ) -> Finds | None:
        """Whom a trained head found in n images; None where it is shown people and finds none. Arguments: as of
        ``answers``."""
        return None


def _file(one: type) -> str:
    return one.__module__.rpartition(".")[2]
