"""``extract``: pixels to cache. What is asked for, and how it ends, is the same for ``retry`` and ``repair``."""

import argparse

from cache.errors import shown, unknown
from cache.workers import EXECUTORS
from pipeline.commands._told import say, where
from pipeline.running.extraction import Report, extract
from pipeline.running.request import Request


def run(options: argparse.Namespace) -> int:
    """Extract what is not there yet. Returns as ``verdict``. Raises: AffectError."""
    return verdict(extract(asked(options), say), options)


def asked(options: argparse.Namespace, retry: bool = False) -> Request:
    """The extraction that the command line's words stand for. Raises: UnknownName for no executor."""
    if options.executor not in EXECUTORS:
        raise unknown("executor", options.executor, EXECUTORS)
    return Request(
        dataset=options.dataset,
        root=options.root or options.data / options.dataset,
        make=options.root is None,
        store=options.store,
        weights=options.weights,
        untrained=options.untrained,
        stages=tuple(options.stages.split()),
        config=options.config,
        device=options.device,
        retry=retry,
        executor=options.executor,
        scheduler=options.scheduler,
        workers=options.workers,
        threads=options.threads,
        box=options.box,
        max_pixels=options.max_pixels,
    )


def verdict(report: Report, options: argparse.Namespace) -> int:
    """Say what was done and what failed. Returns 1 when more images, or videos, failed than are allowed, else 0."""
    dataset = report.manifest.dataset
    if untrained := [recipe.feature for recipe in report.recipes if not recipe.info["trained"]]:
        print(f"UNTRAINED: {' '.join(untrained)}")
    read, files = report.images, report.manifest.files
    print(f"{dataset}: {read} {files} read, {report.shards} shards written, {len(report.failed)} {files} failed")
    if len(report.failed) <= options.allow_failed:
        return 0
    first = ", ".join(map(shown, sorted(report.failed)[:3])) + (", ..." if len(report.failed) > 3 else "")
    same = " with the same CONFIG" if options.config else ""
    cures = f"make retry{same} reads them again, ALLOW_FAILED={len(report.failed)} accepts them"
    print(f"failed: {first}. make status {where(options)} shows why; {cures}")
    return 1
