"""Single-label classification: every person has exactly one class, and all classes are learned.

CAER-S has 7 classes, HECO 8, a ``labels.csv`` of one's own as many as it names. People with several labels or none are
left out, and told. Source: the usual protocol of CAER-S (Lee et al. 2019, Context-aware emotion recognition networks,
section 5: accuracy over all people).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field
from torch import Tensor

from cache.config import Settings
from cache.errors import ConfigError
from cache.manifest import Manifest
from heads import protocol
from heads.head import CLASS, Output, given
from heads.inputs.streams import words
from heads.metric import Metric
from heads.protocol import Answer
from heads.protocols._metrics import checked, metric
from heads.protocols._single_label import people
from heads.protocols._single_label.trial import ClassTrial
from heads.task import Task
from heads.trial import Level, Resamples, Trial

LEAST_IMAGES = 2
"""Of test: one image cannot be resampled."""


MetricName = Annotated[str, AfterValidator(checked("confusion"))]


class Judging(Settings):
    """metrics: files of heads/metrics, the main one first. chosen_by: the one that an epoch is judged by. resamples: of
    the bootstrap over test images."""

    metrics: Annotated[tuple[MetricName, ...], BeforeValidator(words), Field(min_length=1)] = (
        "accuracy",
        "macro_accuracy",
        "macro_f1",
    )
    chosen_by: MetricName = "macro_accuracy"
    resamples: int = Field(1000, ge=2, le=10_000)


class Protocol(protocol.Protocol):
    """One word, ``single-label``, for every dataset: its classes are those that train people have."""

    Config = Judging
    measuring = frozenset({"resamples"})
    learns = frozenset({CLASS})
    asks = frozenset({"logits"})
    resamples = Resamples.BOOTSTRAP
    over = "a bootstrap over images"

    def metrics(self, settings: Judging) -> dict[str, Metric]:
        """Those that ``settings`` name."""
        return {name: metric(name) for name in settings.metrics}

    def validation_title(self, settings: Judging) -> str:
        """That of the metric which ``chosen_by`` names."""
        chosen = metric(settings.chosen_by)
        return f"{chosen.title} {chosen.unit}".strip()

    def task(self, manifest: Manifest) -> Task:
        """Raises: ConfigError for a dataset without labels."""
        if not len(manifest.category_names):
            raise ConfigError(f"{manifest.dataset}: has no labels, so there is nothing for {self.name} to learn")
        classes, labels = people.labelled(manifest)
        return Task.of_labels(manifest, self.name, labels, classes, {"classes": list(classes)})

    def faults(self, manifest: Manifest, task: Task, settings: Judging) -> list[str]:  # noqa: ARG002
        """Fewer than two classes to learn, nobody to validate on, nothing to resample."""
        found = []
        if len(task.classes) < 2:
            found.append(f"{len(task.classes)} classes have train people with exactly one label, at least 2 must")
        if not len(task.val):
            found.append("0 val people, validation needs at least 1")
        if (images := len(np.unique(task.images[task.test]))) < LEAST_IMAGES:
            found.append(f"{images} test images, their bootstrap needs at least {LEAST_IMAGES}")
        return [*found, *(people.left_out(manifest) if found else [])]

    def validation(self, task: Task, settings: Judging) -> Trial:
        """Of all validation people."""
        return self._trial(task, task.val, settings)

    def test(self, task: Task, settings: Judging) -> Trial:
        """Of all test people."""
        return self._trial(task, task.test, settings)

    def _trial(self, task: Task, rows: NDArray[np.int64], settings: Judging) -> Trial:
        labels = task.labels[rows]
        chosen = metric(settings.chosen_by)
        return ClassTrial(rows, labels, task.images, task.classes, self.metrics(settings), chosen, settings.resamples)

    def levels(self, manifest: Manifest, task: Task, settings: Judging) -> list[Level]:  # noqa: ARG002
        """Guessing evenly, and always naming the largest test class: what each metric gives of such confusions."""
        counts = np.array(task.counts(task.test), np.float64)
        even = np.repeat(counts[:, None] / len(counts), len(counts), 1)
        largest = np.zeros_like(even)
        largest[:, counts.argmax()] = counts
        return [
            Level(name, title, {word: float(one.score(table)) for word, one in self.metrics(settings).items()})
            for name, title, table in (("chance", "chance", even), ("largest_class", "largest class", largest))
        ]

    def described(self, manifest: Manifest, task: Task) -> dict[str, Any]:
        """With the people who have no part in it."""
        usual = super().described(manifest, task)
        left_out = [f"{line[0].upper()}{line[1:]}." for line in people.left_out(manifest)]
        return {
            "about": f"{len(task.classes)} classes",
            "caption": "people with exactly one label",
            "notes": [*usual["notes"], *left_out, *people.narrow(task)],
            "labels": {**usual["labels"], "notes": left_out},
        }

    @classmethod
    def mapped(cls, manifest: Manifest, mapping: Path | None) -> str | None:
        """People by class and split."""
        return people.text(cls.words()[0], manifest) if mapping is None else None

    @classmethod
    def check_memory(cls, memory: Mapping[str, Tensor], about: Mapping[str, Any], output: Output) -> None:
        """There is none; but the classes must be as many as the head tells."""
        super().check_memory(memory, about, output)
        classes, told = about.get("classes"), given(output.logits).shape[2]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise ValueError("task: classes are not a list of names")
        if len(classes) != told:
            raise ValueError(f"task: {len(classes)} classes, the head tells {told}")

    @classmethod
    def answers(
        cls,
        memory: Mapping[str, Tensor],  # noqa: ARG003 (the contract's arguments)
        about: Mapping[str, Any],
        settings: Judging,  # noqa: ARG003
        output: Output,
        rows: NDArray[np.int64] | None = None,  # noqa: ARG003 (nobody is compared with anybody)
    ) -> list[Answer]:
        """``classifier``: the classes' probabilities, the mean over seeds."""
        logits = given(output.logits)
        return [Answer("classifier", about["classes"], logits.softmax(2).mean(0), logits=logits.mean(0))]
