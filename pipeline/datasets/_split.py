"""Splits for datasets that have none of their own: drawn by image, the same on every machine and in every version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cache.fingerprint import digest

SEED: Final = 0
SHARES: Final = "70/10/20"


def drawn(images: Iterable[str], seed: int = SEED) -> dict[str, str]:
    """image -> train, val or test in shares of 70, 10 and 20 hundredths, rounded to whole images.

    The order is that of a hash of seed and path, so neither the order of ``images`` nor a generator's version counts,
    and an image more moves only those next to the borders.
    """
    order = sorted(set(images), key=lambda path: (digest(f"{seed}\n{path}".encode()), path))
    first, second = (7 * len(order) + 5) // 10, (8 * len(order) + 5) // 10
    return {path: "train" if place < first else "val" if place < second else "test" for place, path in enumerate(order)}
