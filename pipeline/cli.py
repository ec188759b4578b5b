"""``python -m pipeline extract|retry|repair|status|verify|weights``: words in, lines out, an exit status.

0: done. 1: done, but more images failed than allowed, or the store is damaged. 2: the user can mend it; one line says
how. 130: interrupted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cache.errors import AffectError, nearest
from cache.verify import verify
from pipeline.repair import repair
from pipeline.running.executors import EXECUTORS
from pipeline.running.extraction import Report, extract
from pipeline.running.recipes import dataset_config
from pipeline.running.request import Request
from pipeline.status import printable, status, table

COMMANDS = ("extract", "repair", "retry", "status", "verify", "weights")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"error: {message}\n")
        raise SystemExit(2)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    options = _parse(words)
    try:
        run = {"status": _status, "verify": _verify, "weights": _weights}.get(options.command, _extract)
        return run(options)
    except AffectError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted. What is finished is kept; the same command goes on from there\n")
        return 130


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m pipeline", description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("command", metavar="|".join(COMMANDS))
    parser.add_argument("--dataset", default="demo", help="dataset (demo)")
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where datasets are, without --root (data)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="where features go (store)")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of checkpoints (weights)")
    parser.add_argument("--stages", default="", help="features to extract, separated by blanks (all)")
    parser.add_argument("--config", type=Path, help="a TOML file instead of the dataset's own")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--executor", default="local", help="local or dask (local)")
    parser.add_argument("--scheduler", default="", help="address of a Dask scheduler that runs already")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes of an own Dask cluster (2)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="batches at a time, one a core (all cores)")
    parser.add_argument("--untrained", action="store_true", help="go on without checkpoints; marked in every table")
    parser.add_argument("--allow-failed", type=int, default=0, metavar="N", help="images that may fail (0)")
    parser.add_argument("--json", action="store_true", help="status, or the list of weights, as JSON")
    parser.add_argument("--list", action="store_true", help="weights: only show files, addresses and licences")
    parser.add_argument("--mirror", default="", metavar="URL", help="weights: a folder that holds the files instead")
    parser.add_argument("--stall", type=int, default=30, metavar="S", help="weights: seconds without a byte (30)")
    parser.add_argument("--attempts", type=int, default=5, metavar="N", help="weights: tries that bring nothing (5)")
    options = parser.parse_args(words)
    if options.command not in COMMANDS:
        parser.error(f"no command {options.command!r}.{nearest(options.command, COMMANDS)}")
    if options.executor not in EXECUTORS:
        parser.error(f"no executor {options.executor!r}.{nearest(options.executor, EXECUTORS)}")
    for name, least in (("workers", 1), ("threads", 0), ("allow_failed", 0), ("stall", 1), ("attempts", 1)):
        if getattr(options, name) < least:
            parser.error(f"{name.upper()}={getattr(options, name)}: a whole number from {least} is wanted")
    return options


def _extract(options: argparse.Namespace) -> int:
    request = Request(
        dataset=options.dataset,
        root=options.root or options.data / options.dataset,
        make=options.root is None,
        store=options.store,
        weights=options.weights,
        untrained=options.untrained,
        stages=tuple(options.stages.split()),
        config=options.config,
        device=options.device,
        retry=options.command == "retry",
        executor=options.executor,
        scheduler=options.scheduler,
        workers=options.workers,
        threads=options.threads,
    )
    run = repair if options.command == "repair" else extract
    report = run(request, lambda line: print(line, flush=True))
    return _verdict(report, options.allow_failed, _where(options))


def _where(options: argparse.Namespace) -> str:
    """The words that a proposed make command needs to look at the same store."""
    return f"DATASET={options.dataset}" + ("" if options.store == Path("store") else f" STORE={options.store}")


def _verdict(report: Report, allowed: int, where: str) -> int:
    dataset = report.manifest.dataset
    if untrained := [recipe.feature for recipe in report.recipes if not recipe.info["trained"]]:
        print(f"UNTRAINED: {' '.join(untrained)}")
    print(f"{dataset}: {report.images} images read, {report.shards} shards written, {len(report.failed)} images failed")
    if len(report.failed) <= allowed:
        return 0
    shown = ", ".join(printable(path) for path in sorted(report.failed)[:3]) + (
        ", ..." if len(report.failed) > 3 else ""
    )
    cures = f"make retry reads them again, ALLOW_FAILED={len(report.failed)} accepts them"
    print(f"failed: {shown}. make status {where} shows why; {cures}")
    return 1


def _status(options: argparse.Namespace) -> int:
    state = status(options.store, options.dataset)
    print(json.dumps(state, indent=2) if options.json else "\n".join(table(state)))
    return 0


def _verify(options: argparse.Namespace) -> int:
    sizes: list[int] = []
    findings = list(verify(options.store, options.dataset, sizes.append))
    for finding in findings:
        print(f"{finding.path}: {finding.problem}")
    verdict = "all sound" if not findings else f"{len(findings)} damaged. make repair {_where(options)} mends it"
    print(f"{options.dataset}: {len(sizes)} shards, {sum(sizes) / 1e6:.1f} MB checked, {verdict}")
    return 1 if findings else 0


def _weights(options: argparse.Namespace) -> int:
    from pipeline import fetch
    from pipeline.weights.download import Patience

    config = dataset_config(options.dataset, options.config)
    wanted = fetch.needs(config, options.stages.split(), options.weights, options.mirror)
    if options.list or options.json:
        print(json.dumps(fetch.as_json(wanted), indent=2) if options.json else "\n".join(fetch.table(wanted)))
        return 0
    patience = Patience(options.stall, options.attempts)
    came = fetch.bring(wanted, patience, lambda line: print(line, flush=True))
    there = f"weights for {options.dataset}: all {len(wanted)} are there"
    print(f"{there}, {came} fetched" if came else f"{there}, nothing to fetch")
    return 0
