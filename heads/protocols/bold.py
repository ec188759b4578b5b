"""People in clips with any number of classes, how sure the annotators are of each, and valence, arousal and dominance:
``"bold"``, as the Body Language Dataset is judged.

A class is there where half of the annotators or more say so; the confidences themselves are learned beside the flags by
heads that can. Where nobody of test has a label, as in the public files, rows are judged on the val people, as the
published tables are. The published rows are each of the epoch that is best on those very people (``bold-published``),
which flatters; ``bold`` chooses on a tenth of the train films, which is then not trained on. A film is as
``cache.films`` tells it: clips of one are no independent evidence.

Source: thesis (seeds/003), sections 5.1.5 and 5.2.1; Luo et al. 2020.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError
from cache.films import groups
from cache.manifest import Manifest
from heads.head import DIMENSIONS, FLAGS, SCORES
from heads.protocol import Answer
from heads.protocols import _submission, multilabel
from heads.protocols._multilabel import people
from heads.protocols.multilabel import MetricNames
from heads.task import PARTS, Task

PUBLISHED = "bold-published"
HELD_OUT = 0.1
"""Of the train films, where the epoch is chosen on some of them."""
SEED = 5
"""Of which these are."""

Rows = NDArray[np.int64]


class Judging(multilabel.Judging):
    """As of any number of labels; an epoch is chosen by the emotion recognition score."""

    metrics: MetricNames = ("ers", "map", "macro_auc", "r2", "jaccard", "vad_error")
    chosen_by: MetricNames = ("ers",)


class Protocol(multilabel.Protocol):
    """Two words, ``bold`` and ``bold-published``, see above."""

    Config = Judging
    over = "a bootstrap over films"

    @classmethod
    def words(cls, mapping: Path | None = None) -> list[str]:  # noqa: ARG003 (the contract's arguments)
        """How the epoch is chosen: on held out people, or as published."""
        return ["bold", PUBLISHED]

    def task(self, manifest: Manifest) -> Task:
        """Raises: ConfigError for a dataset without labels."""
        if not len(manifest.category_names):
            raise ConfigError(f"{manifest.dataset}: has no labels, so there is nothing for {self.name} to learn")
        found, dimensions = people.labelled(manifest), people.dimensions(manifest)
        films = groups(manifest)
        parts = dict(zip(PARTS, self._parts(manifest, found.usable, films), strict=True))
        targets: dict[str, NDArray[np.generic]] = {
            FLAGS: found.flags.astype(np.float32),
            SCORES: _confidences(manifest, found),
        }
        if not np.isnan(dimensions[parts["train"]]).all():
            targets[DIMENSIONS] = dimensions
        names = list(people.DIMENSIONS) if DIMENSIONS in targets else []
        return Task(
            dataset=manifest.dataset,
            protocol=self.name,
            targets=targets,
            sizes={kind: values.shape[1] for kind, values in targets.items()},
            classes=found.classes,
            images=films,
            about={"classes": list(found.classes), "dimensions": names},
            train=parts["train"],
            val=parts["val"],
            test=parts["test"],
        )

    def _parts(self, manifest: Manifest, usable: NDArray[np.bool_], films: Rows) -> tuple[Rows, Rows, Rows]:
        """Who is trained on, who chooses the epoch, who is judged."""
        splits = np.array(manifest.splits)
        train, val, test = (np.flatnonzero(usable & (splits == part)) for part in PARTS)
        if self.name == PUBLISHED:
            return train, val, val
        if len(test):
            return train, val, test
        held = held_out(train, films)
        return train[~held], train[held], val

    def described(self, manifest: Manifest, task: Task) -> dict[str, Any]:
        """With who is judged, how the epoch is chosen, and whose confidences are none."""
        told = super().described(manifest, task)
        return {**told, "notes": [*self._judged(manifest, task), *told["notes"]]}

    def _judged(self, manifest: Manifest, task: Task) -> list[str]:
        found, unsure = [], "No confidences of annotators: flags, 0 or 1, are learned in their place."
        if self.name == PUBLISHED:
            found = ["Judged on the val people, of whom the best epoch is too, as published: that flatters every row."]
        elif {manifest.splits[row] for row in task.test} == {"val"}:
            films = len(np.unique(task.images[task.val]))
            chosen = f"The epoch is chosen on {len(task.val)} people of {films} train films, who are not trained on"
            found = [
                "Nobody of test has a label: rows are judged on the val people, who are called test people below.",
                f"{chosen}; {PUBLISHED} chooses it on the val people, as published.",
            ]
        if shared := len(np.intersect1d(task.images[task.train], task.images[task.test])):
            told = "have clips among the people who are trained on and among those judged, by the dataset's own split"
            found.append(f"{shared} films {told}: that flatters.")
        return found if people.scored(manifest)[task.train].all() else [*found, unsure]

    def unlabelled(self, manifest: Manifest) -> Rows:
        """Test people without a label and without confidences, also those of whom there is nothing to be seen: the
        distributors want a line of each."""
        labelled = manifest.categories.any(1) | people.scored(manifest)
        return np.flatnonzero((manifest.persons >= 0) & ~labelled & (np.array(manifest.splits) == "test"))

    def submission(self, manifest: Manifest, rows: Rows, here: NDArray[np.bool_], answers: Sequence[Answer]) -> str:
        """See ``_submission``."""
        return _submission.text(manifest, rows, here, answers)

    @classmethod
    def mapped(cls, manifest: Manifest, mapping: Path | None) -> str | None:
        """People by class and split."""
        return people.text(cls.words(), manifest) if mapping is None else None


def held_out(train: Rows, films: Rows) -> NDArray[np.bool_]:
    """(n,) True for the people of the train films that choose the epoch: all people of a film or none, a tenth of the
    films, and one at least where there are two.

    train: (n,) rows. films: of every row of the manifest, the number of its film.
    """
    every = np.unique(films[train])
    count = min(len(every) - 1, max(1, round(HELD_OUT * len(every))))
    chosen = np.random.default_rng([SEED, len(every)]).permutation(every)[: max(0, count)]
    return np.isin(films[train], chosen)


def _confidences(manifest: Manifest, found: people.Labelled) -> NDArray[np.float32]:
    """(n, C) of the classes that are learned; flags of whoever has none."""
    flags = found.flags.astype(np.float32)
    if not manifest.scores.size:
        return flags
    mine = manifest.scores[:, [manifest.category_names.index(name) for name in found.classes]]
    return np.asarray(np.where(people.scored(manifest)[:, None], mine, flags), np.float32)
