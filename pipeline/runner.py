"""decode -> extract -> commit: one pass over the images of the pending shards, any number of stages.

Images are decoded once, in threads, some ahead of the networks and across the borders of shards; each stage is fed in
batches that cross images and persons. Finished shards are written behind, in order, by one thread.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cache.layout import Block
from cache.spec import FAILURES
from pipeline.assembly import Assembly
from pipeline.plan import Plan, Task
from pipeline.reading import Prepared, prepare


@dataclass(frozen=True)
class Running:
    """How to run; none of it changes a value. decoders: threads that decode. ahead: images decoded in
    advance. threads: of the networks, 0 for torch's choice.
    """

    root: Path
    device: str = "cpu"
    decoders: int = 2
    ahead: int = 64
    threads: int = 0


@dataclass(frozen=True)
class Summary:
    """What became of one shard. images: how many were read. failed: paths of images with a failed row."""

    number: int
    images: int
    failed: frozenset[str]


@dataclass
class _Work:
    """One shard under way. images: numbers of the images to read."""

    block: Block
    assemblies: list[Assembly]
    images: list[int]


class Worker:
    """Runs tasks of a plan whose stages are loaded. Use it as a context manager: it owns threads."""

    def __init__(self, plan: Plan, running: Running) -> None:
        self.plan, self.running = plan, running
        self._loaded: set[str] = set()
        self._decoders = ThreadPoolExecutor(running.decoders, thread_name_prefix="decode")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._decoders.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True)

    def load(self, features: Iterable[str]) -> None:
        """Load the stages of ``features``, each once. Raises: WeightsError."""
        if self.running.threads:
            import torch

            torch.set_num_threads(self.running.threads)
        for name in sorted(set(features) - self._loaded):
            recipe = self.plan.recipes[name]
            recipe.stage.load(self.running.device, recipe.weights)
            self._loaded.add(name)

    def run(self, tasks: Sequence[Task], on_image: Callable[[bool], None]) -> Iterator[Summary]:
        """Extract and commit, shard by shard. on_image: called after each image with whether it was readable.

        Raises: StoreError when a shard cannot be written; what was committed before stays.
        """
        written: deque[Future[Summary]] = deque()
        for work, index, future in self._decoded(tasks):
            prepared = future.result()
            for assembly in work.assemblies:
                assembly.take(index, prepared)
            on_image(prepared.status not in FAILURES)
            if index == work.images[-1]:
                for assembly in work.assemblies:
                    assembly.flush()
                written.append(self._writer.submit(_commit, work))
                if len(written) > 1:
                    yield written.popleft().result()
        while written:
            yield written.popleft().result()

    def _decoded(self, tasks: Sequence[Task]) -> Iterator[tuple[_Work, int, Future[Prepared]]]:
        """Images in order with their futures, at most ``ahead`` under way, also across shards."""
        window: deque[tuple[_Work, int, Future[Prepared]]] = deque()
        manifest = self.plan.layout.manifest
        for task in tasks:
            work = self._open(task)
            stages = {name: self.plan.recipes[name].stage for name in task.features}
            for index in work.images:
                future = self._decoders.submit(prepare, self.running.root, manifest, work.block, index, stages)
                window.append((work, index, future))
                if len(window) >= self.running.ahead:
                    yield window.popleft()
        yield from window

    def _open(self, task: Task) -> _Work:
        block = self.plan.layout.block(task.number)
        features, recipes = self.plan.features, self.plan.recipes
        assemblies = [Assembly(features[name], recipes[name].stage, block, task.retry) for name in task.features]
        images = [index for index in range(len(block.images)) if any(one.wants(index) for one in assemblies)]
        return _Work(block, assemblies, images or [len(block.images) - 1])


def _commit(work: _Work) -> Summary:
    failed = [assembly.commit() for assembly in work.assemblies]
    return Summary(work.block.number, len(work.images), frozenset().union(*failed))
