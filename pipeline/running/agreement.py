"""How far rows that were extracted again may be from those that are stored, and which are farther.

Other batches give other last digits. Measured on the demo's stages and on those of the light set, each image alone
against batches of many: of a row's largest value, float16 differs by 4.2e-4 and float32 by 4.3e-7 at most; of the
whole numbers in a row 2.2e-4 differ at most (pixels of MTCNN's crops, by one step of 256), and none in class maps.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.feature import Feature
from cache.layout import Block
from cache.spec import Granularity, Status

RELATIVE = {"float16": 2e-3, "float32": 1e-4, "float64": 1e-6}
"""Of the largest value in the stored row."""
BFLOAT16 = 3e-2
"""The same for every float of a network that runs in bfloat16, which has three digits fewer than float32."""
ABSOLUTE = 1e-6
"""What any float may differ by."""
SHARE = 1e-3
"""Of the whole numbers in a row: of fewer than a thousand none may differ."""


@dataclass
class Agreement:
    """rows: compared. others: key -> in what it differs by more than is allowed. nearest: how much of what is allowed
    the others use, 0 to 1, and in what."""

    rows: int = 0
    others: dict[str, str] = field(default_factory=dict)
    nearest: tuple[float, str] = (0.0, "")


def compare(stored: Feature, made: Feature, only: Collection[str] | None = None) -> Agreement:
    """The rows of ``made`` with the same of ``stored``, where that has them. only: these keys.

    Raises: StoreError, ShardError for a shard that is damaged.
    """
    found, held = Agreement(), held_images(stored)
    precision = stored.info["config"].get("precision", "")
    for block in made.layout.blocks():
        keys = [key for key in _keys(made, block, held) if only is None or key in only]
        same = _statuses(stored, made, block, keys, found)
        for name, spec in made.arrays.items():
            relative = BFLOAT16 if precision == "bfloat16" else RELATIVE.get(spec.dtype, 0.0)
            then, now = stored.read(name, same)[0], made.read(name, same)[0]
            for key, old, new in zip(same, then, now, strict=True):
                used, text = _distance(old, new, relative)
                if used > 1:
                    found.others.setdefault(key, f"{name}: {text}")
                else:
                    found.nearest = max(found.nearest, (used, f"{name} of {key}: {text}"))
        found.rows += len(keys)
    return found


def held_images(feature: Feature) -> set[str]:
    """The images whose shards are there."""
    return {image for block in feature.layout.blocks() if feature.header(block) for image in block.images}


def _keys(made: Feature, block: Block, held: Collection[str]) -> list[str]:
    keys = made.layout.keys(block, made.granularity)
    spans = block.image_spans if made.granularity is Granularity.IMAGE else block.spans
    return [key for image, span in zip(block.images, spans, strict=True) if image in held for key in keys[span]]


def _statuses(stored: Feature, made: Feature, block: Block, keys: list[str], found: Agreement) -> list[str]:
    """The keys that have the same status in both; the others are told to ``found``."""
    array = next(iter(made.arrays))
    then, now = stored.read(array, keys)[1].tolist(), made.read(array, keys)[1].tolist()
    shard, same = made.shard(block), list[str]()
    for key, old, new in zip(keys, then, now, strict=True):
        if old == new:
            same.append(key)
        else:
            why = shard.messages[shard.keys.index(key)]
            found.others[key] = f"was {Status(old).word}, is {Status(new).word}{f' ({why})' if why else ''}"
    return same


def _distance(then: NDArray[Any], now: NDArray[Any], relative: float) -> tuple[float, str]:
    """How much of what is allowed one row differs by, more than 1 for too much, and by what in words."""
    if not then.size:
        return 0.0, ""
    if then.dtype.kind != "f":
        differ = then != now
        return float(differ.mean()) / SHARE, f"{int(differ.sum())} of {then.size} values differ, allowed {SHARE:.1%}"
    old, new = np.ravel(then).astype(np.float64), np.ravel(now).astype(np.float64)
    away = np.where(np.isnan(old) & np.isnan(new), 0, np.abs(old - new))
    away = np.where(np.isnan(away), np.inf, away)
    allowed = max(ABSOLUTE, relative * float(np.nanmax(np.abs(old), initial=0)))
    worst = int(away.argmax())
    place = [int(index) for index in np.unravel_index(worst, then.shape)]
    told = f"differs by {away[worst]:.2g} at {place} (was {old[worst]:.6g}, is {new[worst]:.6g}), allowed {allowed:.2g}"
    return float(away[worst]) / allowed, told
