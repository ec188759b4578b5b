"""What is to be done: which shards of which features are absent, stale or hold failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cache.feature import Feature
from cache.layout import Layout
from cache.shard import Shard
from cache.spec import FAILURES, Granularity
from pipeline.running.recipes import Recipe

FAILURE_WORDS = frozenset(status.word for status in FAILURES)
FAILED = [int(status) for status in sorted(FAILURES)]


@dataclass(frozen=True)
class Task:
    """One shard to extract. features: names of those pending. retry: redo only the rows that failed."""

    number: int
    features: tuple[str, ...]
    retry: bool = False


@dataclass(frozen=True)
class Plan:
    """Tasks in order of shards, with everything a worker needs to know of the store.

    pending: shards that are not extracted yet, which a retry leaves alone.
    """

    layout: Layout
    features: Mapping[str, Feature]
    recipes: Mapping[str, Recipe]
    tasks: tuple[Task, ...]
    pending: int = 0

    @property
    def images(self) -> int:
        """How many images have a row to do, be it made from their pixels or from another feature's rows."""
        return sum(map(self.images_of, self.tasks))

    def images_of(self, task: Task) -> int:
        """How many of them are in the task's shard."""
        block = self.layout.block(task.number)
        wanted: set[int] = set()
        for feature in (self.features[name] for name in task.features):
            spans = block.image_spans if feature.granularity is Granularity.IMAGE else block.spans
            todo = np.ones(spans[-1].stop, dtype=bool)
            if task.retry:
                todo = np.isin(Shard(feature.path(block)).status, FAILED)
            wanted.update(index for index, span in enumerate(spans) if todo[span].any())
        return len(wanted)


def make_plan(layout: Layout, features: Mapping[str, Feature], recipes: Sequence[Recipe], retry: bool = False) -> Plan:
    """Look at each shard's header. With ``retry``, shards that hold failures are planned instead, and whole those that
    were made of images or people that are others now, as one is whose file was mended."""
    tasks, absent = [], 0
    for block in layout.blocks():
        headers = {recipe.feature: features[recipe.feature].header(block) for recipe in recipes}
        pending = tuple(name for name, header in headers.items() if header is None)
        failed = tuple(name for name, header in headers.items() if header and FAILURE_WORDS & header.counts.keys())
        changed = tuple(name for name in pending if features[name].path(block).exists())
        absent += len(pending) - (len(changed) if retry else 0)
        if wanted := failed + changed if retry else pending:
            tasks.append(Task(block.number, wanted, retry and not changed))
    return Plan(layout, features, {recipe.feature: recipe for recipe in recipes}, tuple(tasks), absent)
