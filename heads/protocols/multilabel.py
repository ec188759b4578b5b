"""Multi-label classification: every person has any number of classes, each told by a sigmoid of its own, and where the
dataset has them valence, arousal and dominance.

EMOTIC has 26 classes, HECO 8, a table of one's own as many as it names. People without a label are left out, as
EMOTIC's readers do, and told. Source: Kosti et al. 2019, Context based emotion recognition using EMOTIC dataset:
average precision of each class, mean absolute error of each dimension, Jaccard at thresholds of validation.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field
from torch import Tensor

from cache.config import Settings
from cache.errors import ConfigError
from cache.films import groups
from cache.manifest import Manifest
from heads import protocol
from heads.head import DIMENSIONS, FLAGS, Output, given
from heads.inputs.streams import words
from heads.metric import Metric
from heads.protocol import Answer
from heads.protocols._metrics import checked, metric
from heads.protocols._multilabel import memories, people
from heads.protocols._multilabel.levels import levels
from heads.protocols._multilabel.trial import FlagsTrial
from heads.task import PARTS, Task
from heads.trial import Level, Resamples, Trial

EMOTIC = "emotic-26"
LEAST_IMAGES = 2
"""Of test: one image cannot be resampled."""

MetricName = Annotated[str, AfterValidator(checked("flags", "dimensions", "both"))]
MetricNames = Annotated[tuple[MetricName, ...], BeforeValidator(words), Field(min_length=1)]


class Judging(Settings):
    """metrics: files of heads/metrics, the main one first. chosen_by: the one that an epoch is judged by; of several,
    the product of those that are better higher over the product of the others, so that ``map,vad_error`` is the
    thesis' ratio of mAP and VAD error (section 4.2.1). resamples: of the bootstrap over test images."""

    metrics: MetricNames = ("map", "map_interpolated", "vad_error", "c_f1", "o_f1", "jaccard", "macro_auc")
    chosen_by: MetricNames = ("map",)
    resamples: int = Field(200, ge=2, le=10_000)


class Protocol(protocol.Protocol):
    """``multilabel`` for every dataset with labels, its classes those that train people have; ``emotic-26`` is the same
    for EMOTIC's 26 categories alone."""

    Config = Judging
    measuring = frozenset({"resamples"})
    learns = frozenset({FLAGS})
    asks = frozenset({"logits"})
    fits = frozenset({"thresholds"})
    resamples = Resamples.BOOTSTRAP
    over = "a bootstrap over images"

    @classmethod
    def words(cls, mapping: Path | None = None) -> list[str]:
        """Two, which mean the same."""
        return [*super().words(mapping), EMOTIC]

    def asked(self, gives: frozenset[str], task: Task) -> frozenset[str]:
        """Dimensions too, where the people have them."""
        return self.asks | ({"dimensions"} & gives if DIMENSIONS in task.targets else frozenset())

    def metrics(self, settings: Judging) -> dict[str, Metric]:
        """Those that ``settings`` name."""
        return {name: metric(name) for name in settings.metrics}

    def validation_title(self, settings: Judging) -> str:
        """Of the metric which ``chosen_by`` names, or of the ratio."""
        every = [metric(name) for name in settings.chosen_by]
        if len(every) == 1:
            return f"{every[0].title} {every[0].unit}".strip()
        up, down = ([one.title for one in every if one.better == which] for which in ("higher", "lower"))
        return " / ".join([" \u00d7 ".join(up) or "1", *down])

    def task(self, manifest: Manifest) -> Task:
        """Raises: ConfigError for a dataset without labels, or for other ones than the word is for."""
        if not len(manifest.category_names):
            raise ConfigError(f"{manifest.dataset}: has no labels, so there is nothing for {self.name} to learn")
        if self.name == EMOTIC and not people.emotic(manifest):
            told = f"{manifest.dataset}: has other categories than EMOTIC's 26, which {EMOTIC} is for"
            raise ConfigError(f"{told}. Take PROTOCOL={self.words()[0]}")
        found, splits = people.labelled(manifest), np.array(manifest.splits)
        parts = {part: np.flatnonzero(found.usable & (splits == part)) for part in PARTS}
        targets: dict[str, NDArray[np.generic]] = {FLAGS: found.flags.astype(np.float32)}
        dimensions = people.dimensions(manifest)
        if not np.isnan(dimensions[parts["train"]]).all():
            targets[DIMENSIONS] = dimensions
        return Task(
            dataset=manifest.dataset,
            protocol=self.name,
            targets=targets,
            sizes={kind: values.shape[1] for kind, values in targets.items()},
            classes=found.classes,
            images=groups(manifest),
            about={
                "classes": list(found.classes),
                "dimensions": list(people.DIMENSIONS) if DIMENSIONS in targets else [],
            },
            train=parts["train"],
            val=parts["val"],
            test=parts["test"],
        )

    def faults(self, manifest: Manifest, task: Task, settings: Judging) -> list[str]:
        """Nothing to learn, nobody to validate on, nothing to resample or to choose an epoch by."""
        found = [] if task.classes else ["0 classes have train people, at least 1 must"]
        if not len(task.val):
            found.append("0 val people, validation needs at least 1")
        if (images := len(np.unique(task.images[task.test]))) < LEAST_IMAGES:
            found.append(f"{images} test images, their bootstrap needs at least {LEAST_IMAGES}")
        chosen = [name for name in settings.chosen_by if metric(name).takes in ("dimensions", "both")]
        if chosen and self._truth(task, task.val) is None:
            found.append(f"0 val people have valence, arousal and dominance, chosen_by={chosen[0]} needs at least 1")
        return [*found, *(people.left_out(manifest) if found else [])]

    def validation(self, task: Task, settings: Judging) -> FlagsTrial:
        """Of all validation people."""
        return self._trial(task, task.val, settings)

    def test(self, task: Task, settings: Judging) -> FlagsTrial:
        """Of all test people."""
        return self._trial(task, task.test, settings)

    def _trial(self, task: Task, rows: NDArray[np.int64], settings: Judging) -> FlagsTrial:
        return FlagsTrial(
            rows,
            people.flags_of(task)[rows],
            self._truth(task, rows),
            task.images,
            task.classes,
            tuple(task.about["dimensions"]),
            self.metrics(settings),
            {name: metric(name) for name in settings.chosen_by},
            settings.resamples,
        )

    def _truth(self, task: Task, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Dimensions of those people; None where they are known of nobody."""
        known = task.targets.get(DIMENSIONS)
        found = None if known is None else np.asarray(known[rows], np.float32)
        return None if found is None or np.isnan(found).all() else found

    def fitted(self, task: Task, trial: Trial, output: Output, settings: Judging) -> dict[str, NDArray[np.generic]]:  # noqa: ARG002
        """``thresholds``: (S, C) logits from which on a class is named."""
        if not isinstance(trial, FlagsTrial):
            raise TypeError("a trial of another protocol")
        return dict(trial.fitted(output))

    def levels(self, manifest: Manifest, task: Task, settings: Judging) -> list[Level]:
        """See ``_multilabel.levels``."""
        return levels(manifest, task, self.validation(task, settings), self.test(task, settings))

    def people(self, task: Task) -> dict[str, dict[str, int]]:
        """A person counts in each of his classes."""
        return people.counts(task)

    def described(self, manifest: Manifest, task: Task) -> dict[str, Any]:
        """With how many labels a person has, and who has no part in it."""
        lines = [f"{line[0].upper()}{line[1:]}." for line in people.left_out(manifest)]
        return people.about(task, super().described(manifest, task), lines)

    @classmethod
    def mapped(cls, manifest: Manifest, mapping: Path | None) -> str | None:
        """People by class and split."""
        fitting = cls.words() if people.emotic(manifest) else cls.words()[:1]
        return people.text(fitting, manifest) if mapping is None else None

    def truth(self, task: Task, row: int) -> str:
        """All of a person's classes: ``Anger, Fear``."""
        return ", ".join(name for name, has in zip(task.classes, people.flags_of(task)[row], strict=True) if has)

    @classmethod
    def check_memory(cls, memory: Mapping[str, Tensor], about: Mapping[str, Any], output: Output) -> None:
        """See ``memories.check``."""
        memories.check(memory, about, output)

    @classmethod
    def answers(
        cls,
        memory: Mapping[str, Tensor],
        about: Mapping[str, Any],
        settings: Judging,  # noqa: ARG003 (the contract's arguments)
        output: Output,
        rows: NDArray[np.int64] | None = None,  # noqa: ARG003 (nobody is compared with anybody)
    ) -> list[Answer]:
        """``categories``: each class's share, the mean over seeds, named where more than half of the seeds' models
        are at their thresholds. ``dimensions``: the mean over seeds, where the head gives them."""
        logits = given(output.logits)
        named = (logits >= memory["thresholds"].to(logits.device)[:, None]).float().mean(0) > 0.5
        found = [Answer("categories", about["classes"], logits.sigmoid().mean(0), named, logits.mean(0))]
        if output.dimensions is not None and about["dimensions"]:
            shares = output.dimensions.mean(0).clamp(0, 1)
            found.append(Answer(DIMENSIONS, about["dimensions"], shares, torch.zeros_like(shares, dtype=torch.bool)))
        return found
