"""decode -> extract -> commit: one pass over the images of the pending shards, any number of stages.

Images are decoded once, in threads, some ahead of the networks and across the borders of shards; each stage is fed in
batches that cross images and persons. On a CPU each batch runs on one core, as many batches at a time as there are
cores: that needs no barrier between cores inside a network, and the values depend on no number of threads. Finished
shards are written behind, in order, by one thread, which then makes what is derived from them. Derived stages that see
the photograph have it decoded once more, for all of them whose sources are there.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Semaphore
from typing import TypeVar

from cache.feature import Feature
from cache.layout import Block
from cache.shard import Shard
from cache.spec import FAILURES
from pipeline.decoding.images import MAX_PIXELS
from pipeline.running.assembly import Assembly
from pipeline.running.plan import Plan, Task
from pipeline.running.reading import Prepared, look, prepare
from pipeline.running.seeing import Seeing
from pipeline.running.watching import frames_shown, look_again, watch

Named = TypeVar("Named")


@dataclass(frozen=True)
class Running:
    """How to run; none of it changes a value.

    decoders: threads that decode. ahead, pixels: images decoded in advance, and how many pixels they may have together
    by the annotation's sizes (one image may have more); as many again for what sees them a second time. threads:
    batches that run at a time, 0 for one a core; on a GPU one. max_pixels: the cap on an image's width x height.
    """

    root: Path
    device: str = "cpu"
    decoders: int = 2
    ahead: int = 32
    pixels: int = 64_000_000
    threads: int = 0
    max_pixels: int = MAX_PIXELS

    @property
    def batches(self) -> int:
        """Batches that run at a time."""
        if self.device != "cpu":
            return 1
        return self.threads or len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Summary:
    """What became of one shard. images: how many were read. failed: paths of images with a failed row."""

    number: int
    images: int
    failed: frozenset[str]


@dataclass
class _Work:
    """One shard under way.

    images: numbers of the images to read, or only to go through when there are no assemblies. assemblies: of features
    made from images. derived: of the others, each with the feature it is made from, that one first. batches: run or to
    be run.
    """

    block: Block
    images: list[int] = field(default_factory=list)
    assemblies: list[Assembly] = field(default_factory=list)
    derived: list[tuple[Assembly, Feature]] = field(default_factory=list)
    batches: list[Future[None]] = field(default_factory=list)


class Worker:
    """Runs tasks of a plan. Use it as a context manager: it owns threads."""

    def __init__(self, plan: Plan, running: Running) -> None:
        self.plan, self.running = plan, running
        self._loaded: set[str] = set()
        self._decoders = ThreadPoolExecutor(running.decoders, "decode")
        self._networks = ThreadPoolExecutor(running.batches, "network")
        self._writer = ThreadPoolExecutor(1, "write")
        self._room = Semaphore(running.batches + 1)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads; work that has not begun is dropped."""
        for pool in (self._decoders, self._networks, self._writer):
            pool.shutdown(wait=True, cancel_futures=True)

    def load(self, features: Iterable[str]) -> None:
        """Load the stages of ``features``, each once. Raises: WeightsError."""
        for name in sorted(set(features) - self._loaded):
            recipe = self.plan.recipes[name]
            recipe.stage.load(self.running.device, recipe.weights)
            self._loaded.add(name)
        if self.running.device == "cpu" and (torch := sys.modules.get("torch")):
            torch.set_num_threads(1)  # a stage without torch needs none

    def run(self, tasks: Sequence[Task], on_image: Callable[[bool], None]) -> Iterator[Summary]:
        """Extract and commit, shard by shard. on_image: called after each image with whether it was readable.

        Raises: StoreError when a shard cannot be written; what was committed before stays.
        """
        written: deque[tuple[_Work, Future[Summary]]] = deque()

        def settled() -> Summary:
            work, future = written.popleft()
            summary = future.result()
            for _ in () if work.assemblies else work.images:
                on_image(True)
            return summary

        for work, index, future in self._decoded(tasks):
            if future is not None:
                prepared = future.result()
                for assembly in work.assemblies:
                    assembly.take(index, prepared)
                on_image(prepared.status not in FAILURES)
            if future is None or index == work.images[-1]:
                for assembly in work.assemblies:
                    assembly.flush()
                written.append((work, self._writer.submit(self._commit, work)))
                if len(written) > 1:
                    yield settled()
        while written:
            yield settled()

    def _decoded(self, tasks: Sequence[Task]) -> Iterator[tuple[_Work, int, Future[Prepared] | None]]:
        """Images in order with their futures, also across shards; None for a shard of which none is to be read."""

        def jobs() -> Iterator[tuple[tuple[_Work, int], int, Callable[[], Prepared] | None]]:
            for task in tasks:
                work = self._open(task)
                stages = {one.feature.name: one.stage for one in work.assemblies}
                shown = frames_shown(stages.values())
                if not stages:
                    yield (work, -1), 0, None
                for index in work.images if stages else ():
                    job = (self.running.root, manifest, work.block, index, stages, self.running.max_pixels)
                    read = partial(watch if manifest.clips else prepare, *job)
                    yield (work, index), self.plan.layout.pixels(work.block.images[index]) * shown, read

        manifest = self.plan.layout.manifest
        for (work, index), future in self._ahead(jobs()):
            yield work, index, future

    def _ahead(
        self, jobs: Iterable[tuple[Named, int, Callable[[], Prepared] | None]]
    ) -> Iterator[tuple[Named, Future[Prepared] | None]]:
        """Jobs in order with their futures, as many under way as ``ahead`` and ``pixels`` allow. Each job has a name,
        the pixels it decodes and what to call, or None where there is nothing to do."""
        window: deque[tuple[Named, Future[Prepared] | None]] = deque()
        sizes: deque[int] = deque()
        for name, pixels, read in jobs:
            window.append((name, self._decoders.submit(read) if read else None))
            sizes.append(pixels)
            while len(window) >= self.running.ahead or (len(window) > 1 and sum(sizes) > self.running.pixels):
                sizes.popleft()
                yield window.popleft()
        yield from window

    def _open(self, task: Task) -> _Work:
        work = _Work(self.plan.layout.block(task.number))

        def submit(batch: Callable[[], None]) -> None:
            self._room.acquire()
            work.batches.append(self._networks.submit(batch))
            work.batches[-1].add_done_callback(lambda _: self._room.release())

        for name in task.features:
            feature, stage = self.plan.features[name], self.plan.recipes[name].stage
            assembly = Assembly(feature, stage, work.block, submit, task.retry)
            if stage.source:
                work.derived.append((assembly, self.plan.features[stage.source]))
            else:
                work.assemblies.append(assembly)
        every = range(len(work.block.images))
        drawn = work.assemblies or [assembly for assembly, _ in work.derived]
        work.images = [index for index in every if any(one.wants(index) for one in drawn)] or [every[-1]]
        return work

    def _commit(self, work: _Work) -> Summary:
        """In the writing thread: write the shard once its last batch is done, then make what is derived from it."""
        _finish(work)
        failed = [assembly.commit() for assembly in work.assemblies]
        waiting = list(work.derived)
        while waiting:
            absent = {assembly.feature.name for assembly, _ in waiting}
            ready = [(assembly, source) for assembly, source in waiting if source.name not in absent]
            self._derive(work, ready)
            _finish(work)
            failed += [assembly.commit() for assembly, _ in ready]
            waiting = [one for one in waiting if one not in ready]
        read = len(work.images) if work.assemblies or any(one.stage.sees for one, _ in work.derived) else 0
        return Summary(work.block.number, read, frozenset().union(*failed))

    def _derive(self, work: _Work, ready: Sequence[tuple[Assembly, Feature]]) -> None:
        """Hand out the batches of features whose sources' shards are written."""
        seeing: list[Seeing] = []
        for assembly, source in ready:
            shard = Shard(source.path(work.block))
            if assembly.stage.sees:
                seeing.append(Seeing(assembly, shard))
            else:
                assembly.derive(shard)
        for index, future in self._ahead(self._looks(work.block, seeing)) if seeing else ():
            for one in seeing:
                if future and (rows := one.of(index)):
                    one.assembly.look(rows, future.result())
        for assembly, _ in ready:
            assembly.flush()

    def _looks(
        self, block: Block, seeing: Sequence[Seeing]
    ) -> Iterator[tuple[int, int, Callable[[], Prepared] | None]]:
        """Jobs for ``_ahead``: the images of which any of ``seeing`` has a row to make, by number."""
        manifest = self.plan.layout.manifest
        for index, key in enumerate(block.images):
            wanted = {one.assembly.feature.name: one.seen(index) for one in seeing if one.of(index)}
            if wanted:
                job = (self.running.root, manifest, key, wanted, self.running.max_pixels)
                read = partial(look_again if manifest.clips else look, *job)
                yield index, self.plan.layout.pixels(key), read


def _finish(work: _Work) -> None:
    while work.batches:
        work.batches.pop().result()
