"""Images with all their people: where each is, as a box, and which classes each has, in one look at the image.

A sample is an image. Each of its people has one class, as in HECO, or any number of them, as in EMOTIC, whichever the
dataset's labels are; people without a label are left out and told. Judged are the classes of people in annotated boxes
(ER), whom a head finds (PD), and the classes of those whom it finds (OER).

Source: knowledge amalgamation (seeds/002; Cladiere et al. 2025), sections 3.2 and 4.2.
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
from heads.head import BOXES, PEOPLE_CLASS, PEOPLE_FLAGS, Output, given
from heads.inputs.streams import words
from heads.metric import Metric
from heads.protocol import Answer, Finds
from heads.protocols._boxes import answering, people
from heads.protocols._boxes.levels import levels
from heads.protocols._boxes.trial import LOSS, PeopleTrial
from heads.protocols._metrics import checked, metric
from heads.protocols._multilabel.people import labelled
from heads.task import PARTS, Task
from heads.trial import Level, Resamples

LEAST_IMAGES = 2
"""Of test: one image cannot be resampled."""
TAKES = ("people", "boxes", "found")


def _chosen(name: str) -> str:
    try:
        return name if name == LOSS else checked(*TAKES)(name)
    except ValueError as error:
        raise ValueError(f"must be {LOSS}, or {str(error).removeprefix('must be ')}") from None


MetricName = Annotated[str, AfterValidator(checked(*TAKES))]


class Judging(Settings):
    """metrics: files of heads/metrics, the main one first. chosen_by: one of them, by which an epoch is judged, or
    ``loss``, the lowest of the validation images, as published. resamples: of the bootstrap over test images.
    least_score: from which on whom a head finds in a new photograph is told."""

    metrics: Annotated[tuple[MetricName, ...], BeforeValidator(words), Field(min_length=1)] = (
        *("er", "oer", "pd", "pd_50"),
    )
    chosen_by: Annotated[str, AfterValidator(_chosen)] = LOSS
    resamples: int = Field(200, ge=2, le=10_000)
    least_score: float = Field(0.3, gt=0, le=1)


class Protocol(protocol.Protocol):
    """One word, ``boxes``, for every dataset of photographs with labels; its classes are those of train people."""

    Config = Judging
    measuring = frozenset({"resamples"})
    learns = frozenset({BOXES})
    asks = frozenset({"people"})
    resamples = Resamples.BOOTSTRAP
    over = "a bootstrap over images"

    def asked(self, gives: frozenset[str], task: Task) -> frozenset[str]:  # noqa: ARG002 (the contract's arguments)
        """Whom it finds and what each image costs too, of a head that tells."""
        return self.asks | ({"found", "cost"} & gives)

    def metrics(self, settings: Judging) -> dict[str, Metric]:
        """Those that ``settings`` name."""
        return {name: metric(name) for name in settings.metrics}

    def validation_title(self, settings: Judging) -> str:
        """Of the metric which ``chosen_by`` names, or the loss, whose sign is turned so that more is better."""
        if settings.chosen_by == LOSS:
            return "negative loss"
        one = metric(settings.chosen_by)
        return f"{one.title} {one.unit}".strip()

    def task(self, manifest: Manifest) -> Task:
        """One row for each image, its first person's. Raises: ConfigError for a dataset without labels, and for
        clips."""
        if not len(manifest.category_names):
            raise ConfigError(f"{manifest.dataset}: has no labels, so there is nothing for {self.name} to learn")
        found, splits = labelled(manifest), np.array(manifest.splits)
        crowd = people.Crowd.of(manifest, found.usable)
        targets = people.targets(manifest, found, crowd)
        homes = np.unique(crowd.homes)
        kind = PEOPLE_CLASS if PEOPLE_CLASS in targets else PEOPLE_FLAGS
        return Task(
            dataset=manifest.dataset,
            protocol=self.name,
            targets=targets,
            sizes={BOXES: crowd.most, kind: len(found.classes)},
            classes=found.classes,
            images=np.unique(manifest.images, return_inverse=True)[1],
            about={"classes": list(found.classes), "labels": kind},
            given=tuple(targets),
            **{part: homes[splits[homes] == part] for part in PARTS},
        )

    def faults(self, manifest: Manifest, task: Task, settings: Judging) -> list[str]:  # noqa: ARG002 (see above)
        """Nothing to learn, nobody to validate on, nothing to resample."""
        found = [] if task.classes else ["0 classes have train people, at least 1 must"]
        if not len(task.val):
            found.append("0 val images, validation needs at least 1")
        if len(task.test) < LEAST_IMAGES:
            found.append(f"{len(task.test)} test images, their bootstrap needs at least {LEAST_IMAGES}")
        return [*found, *(people.left_out(manifest) if found else [])]

    def validation(self, task: Task, settings: Judging) -> PeopleTrial:
        """Of all validation images."""
        return self._trial(task, task.val, settings)

    def test(self, task: Task, settings: Judging) -> PeopleTrial:
        """Of all test images."""
        return self._trial(task, task.test, settings)

    def _trial(self, task: Task, rows: NDArray[np.int64], settings: Judging) -> PeopleTrial:
        return PeopleTrial(
            rows,
            np.asarray(task.targets[BOXES][rows], np.float64),
            people.flags_of(task, rows),
            PEOPLE_CLASS in task.targets,
            task.images,
            task.classes,
            self.metrics(settings),
            None if settings.chosen_by == LOSS else metric(settings.chosen_by),
            settings.resamples,
        )

    def levels(self, manifest: Manifest, task: Task, settings: Judging) -> list[Level]:  # noqa: ARG002 (see above)
        """See ``_boxes.levels``."""
        return levels(task, self.test(task, settings))

    def people(self, task: Task) -> dict[str, dict[str, int]]:
        """A person counts in each of his classes."""
        return people.count(task)

    def described(self, manifest: Manifest, task: Task) -> dict[str, Any]:
        """With images beside people, how a person's classes are learned, and who has no part in it."""
        told = super().described(manifest, task)
        lines = [f"{line[0].upper()}{line[1:]}." for line in people.left_out(manifest)]
        about, seen = people.crowded(task), people.unscored(task)
        return {
            "about": f"{len(task.classes)} classes, {'one' if PEOPLE_CLASS in task.targets else 'any number'} a person",
            "caption": "people of all test images",
            "notes": [*told["notes"], *about, *lines, *seen],
            "labels": {**told["labels"], "notes": [*about, *lines]},
        }

    @classmethod
    def mapped(cls, manifest: Manifest, mapping: Path | None) -> str | None:
        """Images, and people by class and split."""
        return people.text(cls.words(), manifest) if mapping is None and not manifest.clips else None

    def truth(self, task: Task, row: int) -> str:
        """The classes that somebody in the image has: ``Anger, Fear``."""
        flags = people.flags_of(task, np.array([row]))[0].any(0)
        return ", ".join(name for name, has in zip(task.classes, flags, strict=True) if has)

    @classmethod
    def check_memory(cls, memory: Mapping[str, Tensor], about: Mapping[str, Any], output: Output) -> None:
        """See ``_boxes.answering``."""
        super().check_memory(memory, about, output)
        answering.check(about, output)

    @classmethod
    def answers(
        cls,
        memory: Mapping[str, Tensor],
        about: Mapping[str, Any],
        settings: Judging,
        output: Output,
        rows: NDArray[np.int64] | None = None,  # noqa: ARG003 (nobody is compared with anybody)
    ) -> list[Answer]:
        """``anybody``, of each image: of each class the greatest share that one of its people has, named where it is
        said of one of them. They are whom the head found, or, of one that finds nobody, those in annotated boxes.

        Raises: ConfigError for a head that does neither.
        """
        if found := cls.finds(memory, about, settings, output):
            shares = found.answer.shares.view(*found.scores.shape, -1)
            return [answering.anybody(about, found.scores > 0, shares)]
        if output.people is not None:
            return [answering.in_boxes(about, output.people)]
        told = "the head was trained to tell people in annotated boxes, finds nobody itself and was given no boxes"
        raise ConfigError(f"{told}. Train one that detects people")

    @classmethod
    def in_boxes(
        cls,
        memory: Mapping[str, Tensor],  # noqa: ARG003 (the contract's arguments)
        about: Mapping[str, Any],
        settings: Judging,  # noqa: ARG003
        output: Output,
    ) -> Answer | None:
        """``people``, as of ``finds``."""
        return answering.of_each(about, given(output.people))

    @classmethod
    def finds(
        cls,
        memory: Mapping[str, Tensor],  # noqa: ARG003 (the contract's arguments)
        about: Mapping[str, Any],
        settings: Judging,
        output: Output,
    ) -> Finds | None:
        """Whom the models found together, see ``_boxes.finds``; ``people``: what each is said to be."""
        return None if output.found is None else answering.finds(about, output.found, settings.least_score)
