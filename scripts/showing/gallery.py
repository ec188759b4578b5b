"""A gallery made: people chosen, looked at, put beside a run's answers and their neighbours, and written."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cache.errors import ConfigError, DataError
from cache.files import make_folder, replace_text
from cache.store import Features, Store
from heads.experiments import runs
from heads.page.elements import Html
from heads.page.material import GALLERY, finished
from pipeline.decoding.images import MAX_PIXELS
from pipeline.progress import Progress
from scripts.panels import LICENCE
from scripts.showing import page
from scripts.showing.answers import Said, said
from scripts.showing.index import Index
from scripts.showing.ledger import Ledger
from scripts.showing.looks import Attributes
from scripts.showing.nearest import Near, near, spaces
from scripts.showing.people import Asked, Chosen, chosen
from scripts.showing.pictures import Album
from scripts.showing.pile import Pile
from scripts.showing.sources import sources
from scripts.showing.views import Views

KEYS = (
    "Arrow keys move, Enter opens, Escape closes; in an open person the arrows go to the next one. "
    "Numbers switch layers, / finds. On a touch screen, tap and swipe."
)


@dataclass(frozen=True)
class Answered:
    """What a run adds: its name, its protocol, rows that can be asked and why others cannot. folder: its own."""

    folder: Path
    protocol: str
    rows: Sequence[Said]
    left_out: Sequence[str]


def write(options: argparse.Namespace) -> Iterator[tuple[Path, int, int]]:
    """A page for the dataset, or one for each protocol of a run: its path, its pictures, and how many of them cannot be
    shown. options: see ``scripts/gallery.py``.

    Raises: AffectError.
    """
    store = Store(options.store)
    if options.heads and not options.run:
        raise ConfigError(f"HEADS={options.heads}: are rows of a run. Give its folder as RUN")
    if not options.run:
        out = options.out or Path("galleries") / options.dataset
        yield _written(options, store, options.dataset, out, None)
        return
    base = options.runs.joinpath(*(runs.folder_name(part) for part in options.run.split("/")))
    found = finished(base)
    for folder, results in found.items():
        rows, left_out = said(folder, results, store, options.mapping, options.device, options.heads.split())
        for line in left_out:
            sys.stderr.write(f"left out: {line}\n")
        out = folder if options.out is None else options.out / folder.name if len(found) > 1 else options.out
        answered = Answered(folder, results["protocol"], rows, left_out)
        yield _written(options, store, results["dataset"], out, answered)


def _written(
    options: argparse.Namespace, store: Store, dataset: str, out: Path, answered: Answered | None
) -> tuple[Path, int, int]:
    root = options.root or options.data / dataset
    features = store.features(dataset)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, so there are no photographs. Give the dataset's folder as ROOT")
    manifest = features.manifest
    ledger = Ledger.read(manifest, features)
    asked = Asked(options.split, options.label, options.status, options.key, options.most)
    people = chosen(ledger, asked)
    make_folder(out)
    pile = Pile(out)
    neighbours = _neighbours(features, people, options.feature.split())
    trained, untrained = sources(features)
    album = Album(root, manifest, store.layout(dataset).images, store.reading(dataset).get("max_pixels") or MAX_PIXELS)
    views = Views(album, features, trained, Attributes(options.weights))
    index = Index(ledger, people.rows, answered.rows if answered else (), neighbours)
    try:
        _gathered(views, index, pile, people.rows)
        pieces = pile.finish()
    except BaseException:
        pile.drop()
        raise
    notes = [page.note(KEYS), page.note(LICENCE), *([page.untrained(untrained)] if untrained else []), *_told(answered)]
    facts = _facts(features, index, people, [one.name for one in trained], answered)
    title = f"{dataset}{f', {answered.protocol}' if answered else ''}: gallery"
    run = f"Run {answered.folder.name}" if answered else manifest.release
    path = out / GALLERY
    replace_text(path, page.html(title, run, facts, notes, index.document(pile.files), pieces))
    return path, len(index.pictures), index.lost


def _gathered(views: Views, index: Index, pile: Pile, rows: Sequence[int]) -> None:
    """Every person's picture and looks, into the pile, part after part."""
    progress = Progress("gallery", len(views.wanted(rows)))
    for picture, people in views.of(rows):
        number = index.add_picture(picture)
        if picture.jpeg:
            pile.picture(number, picture.jpeg)
        for one in people:
            if part := index.add(one, picture, number):
                pile.people(*part)
        progress.step(1, int(not picture.jpeg))
    if part := index.rest():
        pile.people(*part)
    progress.close()


def _neighbours(features: Features, people: Chosen, words: Sequence[str]) -> list[tuple[Near, dict[int, int]]]:
    """By feature, and row of the manifest -> its number among those who were compared."""
    manifest = features.manifest
    rows = np.array([row for row in people.rows if manifest.persons[row] >= 0], np.int64)
    images = np.unique([manifest.images[row] for row in rows.tolist()], return_inverse=True)[1] if len(rows) else rows
    found = []
    for word, (feature, array) in spaces(features, words).items() if len(rows) > 1 else ():
        sys.stderr.write(f"neighbours in {word}\n")
        found.append((near(word, feature, array, rows, images), {row: at for at, row in enumerate(rows.tolist())}))
    return found


def _told(answered: Answered | None) -> list[Html]:
    if answered is None:
        return []
    names = [f"{one.name} ({', '.join(one.untrained)})" for one in answered.rows if one.untrained]
    marked = [page.listed("UNTRAINED features took part in these rows; their answers are no results:", names)]
    left = [page.listed("Rows that cannot be asked:", answered.left_out)]
    return [*(marked if names else []), *(left if answered.left_out else [])]


def _facts(
    features: Features, index: Index, people: Chosen, drawn: Sequence[str], answered: Answered | None
) -> Mapping[str, str]:
    facts: dict[str, Any] = {
        "people": f"{len(people.rows):,} in {len(index.pictures):,} pictures",
        "asked for": "; ".join(people.told),
        "features drawn or told": ", ".join(name for name in drawn if name in index.told) or "none",
        "rows": ", ".join(one.name for one in answered.rows) if answered else "",
        "dataset": features.manifest.release if answered else "",
    }
    return facts
