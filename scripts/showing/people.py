"""Whom a gallery shows: people of some splits, labels and statuses, or by their keys, and no more than asked for."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError, DataError, UnknownName, unknown
from cache.manifest import SPLITS, Manifest
from scripts.showing.ledger import Ledger


class Asked(NamedTuple):
    """Words of the command line; an empty one asks for nothing in particular. split, status: words between blanks.
    label: names between commas. key: of a person, or of an image with all its people. most: people, 0 for all."""

    split: str = ""
    label: str = ""
    status: str = ""
    key: str = ""
    most: int = 0


class Chosen(NamedTuple):
    """rows: of the manifest, people of one image next to each other. told: what was asked for, in words."""

    rows: list[int]
    told: list[str]


def chosen(ledger: Ledger, asked: Asked) -> Chosen:
    """Raises: UnknownName with what there is for a word that nobody has; ConfigError; DataError where the words
    together leave nobody."""
    manifest = ledger.manifest
    if asked.most < 0:
        raise ConfigError(f"N={asked.most}: a whole number from 1 is wanted, or none for everybody")
    splits = _known("SPLIT", asked.split.split(), set(SPLITS) & {*manifest.splits}, manifest)
    labels = _known("LABEL", _listed(asked.label, manifest.category_names), manifest.category_names, manifest)
    words = [ledger.words(row) for row in range(len(manifest))]
    statuses = _known("STATUS", asked.status.split(), {word for some in words for word in some}, manifest)
    keyed = _keyed(manifest, asked.key)
    columns = [manifest.category_names.index(label) for label in labels]
    rows = [
        row
        for row in _by_image(manifest)
        if (not splits or manifest.splits[row] in splits)
        and (not columns or manifest.categories[row, columns].any())
        and (not statuses or not statuses.isdisjoint(words[row]))
        and (keyed is None or row in keyed)
    ]
    told = [f"{name} {word}" for name, word in zip(("split", "label", "status", "key"), asked[:4], strict=True) if word]
    if not rows:
        raise DataError(f"{manifest.dataset}: nobody has {', '.join(told) or 'a row'}. Ask for less")
    if asked.most and len(rows) > asked.most:
        told.append(f"{asked.most:,} of {len(rows):,}, evenly spaced")
        rows = [rows[at] for at in _even(len(rows), asked.most).tolist()]
    return Chosen(rows, told)


def _even(count: int, most: int) -> NDArray[np.int64]:
    return np.asarray(np.arange(most) * count // most, np.int64)


def _by_image(manifest: Manifest) -> list[int]:
    """All rows, those of one image together, images in the order in which they first appear."""
    first: dict[str, int] = {}
    for image in manifest.images:
        first.setdefault(image, len(first))
    return sorted(range(len(manifest)), key=lambda row: (first[manifest.images[row]], row))


def _listed(text: str, names: Sequence[str]) -> list[str]:
    """Names between commas; a name with a comma is one name where it stands alone."""
    return [text] if text in names else [part.strip() for part in text.split(",") if part.strip()]


def _known(what: str, words: Sequence[str], there: Collection[str], manifest: Manifest) -> set[str]:
    for word in words:
        if word not in there:
            raise unknown(f"{what} in {manifest.dataset}", word, there)
    return set(words)


def _keyed(manifest: Manifest, key: str) -> set[int] | None:
    if not key:
        return None
    pairs = enumerate(zip(manifest.keys, manifest.images, strict=True))
    if found := {row for row, pair in pairs if key in pair}:
        return found
    close = get_close_matches(key, manifest.keys, 1, 0.5) or manifest.keys[:1]
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownName(f"KEY={key}: nobody in {manifest.dataset} has this key.{hint}")
