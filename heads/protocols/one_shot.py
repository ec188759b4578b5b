"""One-shot recognition: train on seen classes, recognise unseen ones from one sample (or a few) of each.

Source: Affect-DML, section III-A; what it leaves open is decided in one_shot.toml, which can be replaced.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import unknown
from cache.films import groups
from cache.manifest import Manifest
from heads import protocol
from heads.head import CLASS, Output, given
from heads.metric import Metric
from heads.metrics import accuracy, macro_accuracy
from heads.protocol import Answer, Nearest
from heads.protocols._one_shot import about as kept
from heads.protocols._one_shot import counts, gallery, labels
from heads.protocols._one_shot.episodes import Episodes, draw_support
from heads.protocols._one_shot.mapping import MAPPING, fingerprint_of, labelled, read_rules
from heads.protocols._one_shot.trial import OneShotTrial
from heads.task import Task
from heads.trial import Level, Resamples, Trial

VALIDATION_DRAWS, TEST_DRAWS = 1, 0
"""Seeds of the support draws; the same for every head, so that two heads can be compared episode by episode."""


class Protocol(protocol.Protocol):
    """Words as ``cat-6:6`` and ``lev-7:3-valence``, from the mapping of labels.

    Training sees people of seen classes alone. An epoch is judged by macro accuracy on episodes among the seen classes'
    validation people. Unseen classes are never trained on, so their test people are those of every split that the
    mapping names.
    """

    Config = Episodes
    measuring = frozenset({"episodes", "validation_episodes"})
    learns = frozenset({CLASS})
    asks = frozenset({"embedding"})
    resamples = Resamples.DRAWS
    over = "support draws"

    def __init__(self, word: str, mapping: Path | None = None) -> None:
        """Raises: UnknownName with the nearest; ConfigError for a mapping that cannot be."""
        super().__init__(word)
        self.rules = read_rules(mapping or MAPPING)
        if word not in self.rules.names():
            raise unknown("protocol", word, self.rules.names())

    @classmethod
    def words(cls, mapping: Path | None = None) -> list[str]:
        """Those of the mapping, by default of one_shot.toml."""
        return read_rules(mapping or MAPPING).names()

    def metrics(self, settings: Episodes) -> dict[str, Metric]:  # noqa: ARG002 (the contract's arguments)
        """The paper's accuracy, and the mean over classes."""
        return {"accuracy": accuracy.Metric(), "macro_accuracy": macro_accuracy.Metric()}

    def validation_title(self, settings: Episodes) -> str:  # noqa: ARG002
        """Macro accuracy."""
        return "macro accuracy %, seen classes"

    def task(self, manifest: Manifest) -> Task:
        """Source: Affect-DML, eq. 1-2 for categories."""
        found, splits = labelled(self.name, manifest, self.rules), np.array(manifest.splits)
        is_seen = (found.labels >= 0) & (found.labels < len(found.seen))
        is_test = (found.labels >= len(found.seen)) & np.isin(splits, self.rules.test_splits)
        return Task(
            dataset=manifest.dataset,
            protocol=self.name,
            targets={CLASS: found.labels},
            sizes={CLASS: len(found.seen)},
            classes=found.seen + found.unseen,
            train=np.flatnonzero(is_seen & (splits == "train")),
            val=np.flatnonzero(is_seen & (splits == "val")),
            test=np.flatnonzero(is_test),
            images=groups(manifest),
            about={
                "seen": list(found.seen),
                "unseen": list(found.unseen),
                "mapping_version": self.rules.version,
                "mapping": fingerprint_of(self.rules),
            },
        )

    def faults(self, manifest: Manifest, task: Task, settings: Episodes) -> list[str]:
        """Too few people for a support and a query; and, where a tie rule is why, the rule that would help."""
        found, least = [], settings.shots + 1
        if (enough := len(_validation_classes(task, settings.shots))) < 2:
            found.append(f"{enough} seen classes have the {least} val people that validation needs, at least 2 must")
        seen = task.sizes[CLASS]
        counted = zip(task.classes[seen:], task.counts(task.test)[seen:], strict=True)
        few = {word: count for word, count in counted if count < least}
        found += [
            f"unseen class {word} has {count} people, needs at least {least} (support and query)"
            for word, count in few.items()
        ]
        return [*found, *(counts.advice(self.name, manifest, self.rules, list(few)) if few else [])]

    def validation(self, task: Task, settings: Episodes) -> Trial:
        """Episodes among the seen classes with enough validation people."""
        classes = _validation_classes(task, settings.shots)
        rows = task.val[np.isin(task.labels[task.val], classes)]
        labels = np.searchsorted(classes, task.labels[rows])
        wanted = len(classes), settings.shots, settings.validation_episodes
        support = draw_support(len(task.labels), rows, labels, *wanted, seed=VALIDATION_DRAWS)
        return OneShotTrial(rows, labels, support, settings, tuple(task.classes[label] for label in classes))

    def test(self, task: Task, settings: Episodes) -> Trial:
        """Episodes over all people of the unseen classes."""
        seen = task.sizes[CLASS]
        rows, labels, unseen = task.test, task.labels[task.test] - seen, task.classes[seen:]
        wanted = len(unseen), settings.shots, settings.episodes
        support = draw_support(len(task.labels), rows, labels, *wanted, seed=TEST_DRAWS)
        return OneShotTrial(rows, labels, support, settings, unseen)

    def levels(self, manifest: Manifest, task: Task, settings: Episodes | None) -> list[Level]:  # noqa: ARG002
        """Guessing among the unseen classes, and naming the largest of them alone."""
        tested = task.counts(task.test)[task.sizes[CLASS] :]
        chance = 1 / len(tested)
        return [
            Level("chance", "chance", {"accuracy": chance, "macro_accuracy": chance}),
            Level("largest_class", "largest class", {"accuracy": max(tested) / sum(tested)}),
        ]

    def described(self, manifest: Manifest, task: Task) -> dict[str, Any]:
        """With the published test people, where there are any."""
        published = counts.published(manifest.dataset, self.name)
        levels = {one.name: one.values["accuracy"] for one in self.levels(manifest, task, None)}
        tested = ", ".join(f"{name} {count}" for name, count in task.class_counts()["test"].items())
        told = [
            f"{one.source}: {', '.join(f'{name} {count}' for name, count in one.test.items())}." for one in published
        ]
        return {
            "about": f"mapping {self.rules.version}",
            "caption": "test people of classes never trained on",
            "notes": [f"Test people by class: {tested}.", *told],
            "labels": labels.section(self.name, manifest, task, self.rules, published),
            "mapping_version": self.rules.version,
            "mapping": fingerprint_of(self.rules),
            "published_people": [one.model_dump() for one in published],
            **levels,
        }

    @classmethod
    def mapped(cls, manifest: Manifest, mapping: Path | None) -> str | None:
        """Under every tie rule, beside the published counts."""
        return counts.text(manifest, read_rules(mapping or MAPPING))

    def agree(self, about: Mapping[str, Any]) -> str | None:
        """The mapping's content."""
        now, then = fingerprint_of(self.rules), about["mapping"]
        if now == then:
            return None
        was = f"mapping {then} (version {about['mapping_version']})"
        return f"{was}, the one given is {now} (version {self.rules.version}). Give the MAPPING of then"

    def memory(self, trial: Trial, output: Output, settings: Episodes) -> dict[str, Tensor]:  # noqa: ARG002
        """The support's embeddings."""
        if not isinstance(trial, OneShotTrial):
            raise TypeError("a trial of another protocol")
        return gallery.remember(given(output.embedding), trial.support, trial.rows)

    @classmethod
    def check_memory(cls, memory: Mapping[str, Tensor], about: Mapping[str, Any], output: Output) -> None:
        """See ``about.check`` and ``gallery.check``."""
        embedding, logits = given(output.embedding), output.logits
        kept.check(about, None if logits is None else logits.shape[2])
        gallery.check(memory, len(about["unseen"]), len(embedding), embedding.shape[2])

    @classmethod
    def answers(
        cls,
        memory: Mapping[str, Tensor],
        about: Mapping[str, Any],
        settings: Episodes,
        output: Output,
        rows: NDArray[np.int64] | None = None,
    ) -> list[Answer]:
        """``one_shot``: the share of all seeds and support draws that name each unseen class. ``classifier``: the seen
        classes' probabilities, the mean over seeds, where the head has a classifier."""
        embedding = given(output.embedding)
        known = None if rows is None else torch.as_tensor(rows, device=embedding.device)
        named = gallery.shares(embedding, memory, settings, known)
        found = [Answer("one_shot", about["unseen"], named)]
        if (logits := output.logits) is not None:
            found.append(Answer("classifier", about["seen"], logits.softmax(2).mean(0), logits=logits.mean(0)))
        return found

    @classmethod
    def nearest(
        cls, memory: Mapping[str, Tensor], output: Output, rows: NDArray[np.int64], most: int
    ) -> Nearest | None:
        """Of the support of all episodes, by the cosine of embeddings, the mean over seeds."""
        embedding = given(output.embedding)
        return Nearest(*gallery.nearest(embedding, memory, torch.as_tensor(rows, device=embedding.device), most))


def _validation_classes(task: Task, shots: int) -> list[int]:
    """The seen classes with validation people for a support and a query."""
    return [label for label, count in enumerate(task.counts(task.val)[: task.sizes[CLASS]]) if count > shots]
