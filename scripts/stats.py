"""``make stats``: a dataset in numbers and pictures, for a paper's section on data, from the store alone.

Writes, to OUT, stats.html with its pictures as SVG in figures/, stats.json with every number, tables as CSV and the
labels' as LaTeX. It reads the manifest and the features' ledgers and boxes, no photograph. Exit status 0; 2 for what
the user can mend.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cache import plugins
from cache.command import ended
from cache.errors import ConfigError
from cache.files import make_folder, replace_text
from cache.manifest import Manifest
from cache.store import Store
from heads.commands.mapping import mapped
from heads.page import figures
from heads.page.page import document
from pipeline.cli import Parser
from scripts.counting import page, tables
from scripts.counting.counts import counts

NAME = "stats.html"


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(words)
    return ended(lambda: _run(options), "\ninterrupted. What is written is whole")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.stats", description="A dataset in numbers and pictures.")
    parser.add_argument("--dataset", default="demo", help="dataset (demo)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features (store)")
    parser.add_argument("--mapping", type=Path, help="a TOML of your own, as for make mapping")
    parser.add_argument("--out", type=Path, help="the folder to write into (stats/<dataset>)")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Raises: AffectError."""
    store = Store(options.store)
    manifest = store.manifest(options.dataset)
    found = counts(manifest, store.features(options.dataset))
    found["published"] = published(options.dataset)
    found["protocols"] = protocols(manifest, options.mapping)
    out = options.out or Path("stats") / options.dataset
    make_folder(out)
    html = document(f"{options.dataset}: the data", "", page.facts(found), page.sections(found))
    texts = {"stats.json": json.dumps(found, indent=1, allow_nan=False) + "\n", **tables.files(found), NAME: html}
    for name, text in texts.items():
        replace_text(out / name, text)
    figures.write(out, html, NAME)
    for split, one in found["splits"].items():
        print(f"{split}: {one['usable people']:,} usable of {one['people']:,} people")
    print(f"stats {out / NAME}")
    return 0


def published(dataset: str) -> dict[str, dict[str, int]]:
    """Release -> what -> how many; {} for a dataset that nobody counted, or whose reader is not at hand."""
    if dataset not in plugins.names("pipeline.datasets"):
        return {}
    told: Mapping[str, Mapping[str, int]] = plugins.load("pipeline.datasets", dataset, "Reader").published
    return {release: dict(one) for release, one in told.items()}


def protocols(manifest: Manifest, mapping: Path | None) -> list[str]:
    """What ``make mapping`` tells. Raises: ConfigError for a mapping that is none."""
    try:
        return mapped(manifest, mapping)
    except ConfigError:
        if mapping is not None:
            raise
        return []  # labels that fit no protocol are labels all the same


if __name__ == "__main__":
    sys.exit(main())
