"""What is to be done: which shards of which features are absent, stale or hold failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cache.layout import Block, Layout
from cache.spec import FAILURES
from cache.store import Feature
from pipeline.recipes import Recipe

FAILURE_WORDS = frozenset(status.word for status in FAILURES)


@dataclass(frozen=True)
class Task:
    """One shard to extract. features: names of those pending. retry: redo only the rows that failed."""

    number: int
    features: tuple[str, ...]
    retry: bool = False


@dataclass(frozen=True)
class Plan:
    """Tasks in order of shards, with everything a worker needs to know of the store."""

    layout: Layout
    features: Mapping[str, Feature]
    recipes: Mapping[str, Recipe]
    tasks: tuple[Task, ...]

    @property
    def images(self) -> int:
        """Images in the pending shards."""
        return sum(len(self.layout.block(task.number).images) for task in self.tasks)


def make_plan(layout: Layout, features: Mapping[str, Feature], recipes: Sequence[Recipe], retry: bool = False) -> Plan:
    """Look at each shard's first kilobyte. With ``retry``, shards that hold failures are planned instead."""
    tasks = []
    for block in layout.blocks():
        pending = tuple(r.feature for r in recipes if _wanted(features[r.feature], block, retry))
        if pending:
            tasks.append(Task(block.number, pending, retry))
    return Plan(layout, features, {r.feature: r for r in recipes}, tuple(tasks))


def _wanted(feature: Feature, block: Block, retry: bool) -> bool:
    header = feature.header(block)
    if header is None:
        return not retry
    return retry and bool(FAILURE_WORDS & header.counts.keys())
