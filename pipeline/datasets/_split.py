"""Splits for datasets that have none of their own: drawn by image, the same on every machine and in every version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from cache.fingerprint import digest
from cache.manifest import SPLITS

SEED: Final = 0
SHARES: Final = "70/10/20"
FILLED: Final = {0: (), 1: (), 2: ("train", "test")}
"""Images of a class -> the parts that must have one; of three and more, all. One alone lies where it was drawn."""


def drawn(images: Iterable[str], seed: int = SEED) -> dict[str, str]:
    """image -> train, val or test in shares of 70, 10 and 20 hundredths, rounded to whole images.

    The order is that of a hash of seed and path, so neither the order of ``images`` nor a generator's version counts,
    and an image more moves only those next to the borders.
    """
    order = sorted(set(images), key=lambda path: (digest(f"{seed}\n{path}".encode()), path))
    first, second = (7 * len(order) + 5) // 10, (8 * len(order) + 5) // 10
    return {path: "train" if place < first else "val" if place < second else "test" for place, path in enumerate(order)}


def drawn_by_class(classes: Mapping[str, Collection[str]], seed: int = SEED) -> tuple[dict[str, str], int]:
    """As ``drawn``, but with every class in every part, as far as its number of images allows (FILLED); and how many
    images were moved for that.

    classes: image -> those of its people. The draw is ``drawn``'s wherever it has every class everywhere, as in large
    data sets; else, from the rarest class on, one image is moved into each part that lacks a class, out of the part
    that has most of it, and one is moved back where that leaves no class without. Nothing depends on the order of
    ``classes``. Images with people of several classes may stand in each other's way: see ``lacking``.
    """
    start = drawn(classes, seed)
    draw = _Draw(dict(start), classes)
    for name, number in sorted(Counter(one for group in classes.values() for one in set(group)).items(), key=_rarest):
        for part in _wanted(number):
            draw.fill(name, part)
    return draw.parts, sum(start[path] != part for path, part in draw.parts.items())


def lacking(classes: Mapping[str, Collection[str]], parts: Mapping[str, str]) -> list[str]:
    """``class (part)`` for each part that has no image of a class, sorted."""
    there = {(one, parts[path]) for path, group in classes.items() for one in group}
    return sorted(f"{one} ({part})" for one in {one for one, _ in there} for part in SPLITS if (one, part) not in there)


def _rarest(item: tuple[str, int]) -> tuple[int, str]:
    return item[1], item[0]


def _wanted(number: int) -> tuple[str, ...]:
    """The parts that must have one of ``number`` images."""
    return FILLED.get(number, SPLITS)


class _Draw:
    """A draw that is mended. parts: image -> part, in the hash's order."""

    def __init__(self, parts: dict[str, str], classes: Mapping[str, Collection[str]]) -> None:
        self.parts, self._classes = parts, {path: set(classes[path]) for path in parts}
        self._members: dict[str, list[str]] = {}
        for path in parts:
            for one in self._classes[path]:
                self._members.setdefault(one, []).append(path)
        self._count = Counter((one, part) for path, part in parts.items() for one in self._classes[path])

    def fill(self, name: str, part: str) -> None:
        """Move an image of class ``name`` into ``part`` when it has none, and another one back."""
        if self._count[name, part]:
            return
        givers = sorted((one for one in SPLITS if one != part), key=lambda one: -self._count[name, one])
        for giver in givers:
            for path in self._members[name]:
                if self.parts[path] == giver and self._spare(path):
                    self._move(path, part)
                    self._balance(giver, part, path)
                    return

    def _balance(self, giver: str, part: str, moved: str) -> None:
        for path, where in self.parts.items():
            if where == part and path != moved and self._spare(path):
                return self._move(path, giver)
        return None

    def _spare(self, path: str) -> bool:
        """Whether no class loses the last image that its part must have."""
        part = self.parts[path]
        return all(
            self._count[one, part] > 1 or part not in _wanted(len(self._members[one])) for one in self._classes[path]
        )

    def _move(self, path: str, part: str) -> None:
        for one in self._classes[path]:
            self._count[one, self.parts[path]] -= 1
            self._count[one, part] += 1
        self.parts[path] = part
