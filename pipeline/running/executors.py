"""Where shards are extracted: in this process, or by Dask's workers. Both run the same Worker."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from threading import Lock

from cache import plugin_folders, workers
from cache.errors import ConfigError, StoreError
from cache.fingerprint import canonical
from cache.layout import Layout
from cache.manifest import Manifest
from pipeline.running.plan import Plan, Task
from pipeline.running.request import Request
from pipeline.running.runner import Summary, Worker

Summaries = Generator[Summary, None, None]
Step = Callable[[int, int], None]
"""Called with (images done, images failed) since the last call."""


def execute(plan: Plan, request: Request, step: Step) -> Summaries:
    """Extract the plan's tasks with the request's executor; a summary for each shard as it is committed.

    Raises: AffectError of any kind; what was committed before stays.
    """
    return _dask(plan, request, step) if request.executor == "dask" else _local(plan, request, step)


def _local(plan: Plan, request: Request, step: Step) -> Summaries:
    with Worker(plan, request.running) as worker:
        worker.load({name for task in plan.tasks for name in task.features})
        yield from worker.run(plan.tasks, lambda readable: step(1, int(not readable)))


def _dask(plan: Plan, request: Request, step: Step) -> Summaries:
    """Shard numbers go out, summaries come back; a task whose worker dies is given to another."""
    from distributed import as_completed

    request = replace(request.absolute(), threads=request.threads or _share_of_cores(request))
    wanted = {name: recipe.fingerprint for name, recipe in plan.recipes.items()}
    source = plan.layout.manifest.source
    cluster = workers.Cluster(request.scheduler, request.workers)
    with cluster.client() as client:
        resources = cluster.resources(client, request.device)
        futures = client.map(
            _extract_shard, plan.tasks, request=request, source=source, wanted=wanted, pure=False, resources=resources
        )
        try:
            for future in as_completed(futures):
                summary = workers.result(future, "shard")
                step(summary.images, len(summary.failed))
                yield summary
        finally:
            client.cancel(futures)


def _share_of_cores(request: Request) -> int:
    """Batches at a time in each process, so that all together have the cores; on a foreign cluster one."""
    return 1 if request.scheduler else max(1, len(os.sched_getaffinity(0)) // request.workers)


_held: dict[tuple[Request, str, str], Worker] = {}
"""In a Dask worker's process: the last plan's networks, loaded once. The key tells request, manifest and settings."""
_holding = Lock()


def _extract_shard(task: Task, request: Request, source: str, wanted: Mapping[str, str]) -> Summary:
    with _holding:  # a worker with several threads runs one shard at a time: the shard itself uses the cores
        key = (request, source, canonical(dict(wanted)))
        if key not in _held:
            for old in _held.values():
                old.close()
            _held.clear()
            _held[key] = _open(request, source, wanted)
        worker = _held[key]
        worker.load(task.features)
        (summary,) = worker.run([task], lambda _: None)
        return summary


def _open(request: Request, source: str, wanted: Mapping[str, str]) -> Worker:
    """Raises: ConfigError, StoreError when this worker would give other values or rows than the plan's."""
    plugin_folders.use(request.plugins)
    config, chosen = request.settings()
    for one in chosen:
        if one.fingerprint != wanted[one.feature]:
            other = f"{one.fingerprint}, the plan says {wanted[one.feature]}"
            raise ConfigError(f"{one.feature}: the code or weights of a worker give {other}. Install the same on both")
    manifest = Manifest.load(request.folder / "manifest.parquet")
    if manifest.source != source:
        raise StoreError(f"{request.folder}: a worker sees another manifest than the plan's. Is STORE shared?")
    features = request.features(manifest, config.shard_images, chosen)
    plan = Plan(Layout(manifest, config.shard_images), features, {one.feature: one for one in chosen}, ())
    return Worker(plan, request.running)
