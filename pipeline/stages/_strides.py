"""What stages with maps at four strides share: which of them are kept, how large, and whether compressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, PositiveInt

from cache.errors import ConfigError
from cache.spec import ArraySpec

if TYPE_CHECKING:
    from torch import Tensor

Branch = Literal["c4", "c8", "c16", "c32"]
BRANCHES: tuple[Branch, ...] = ("c4", "c8", "c16", "c32")
"""An array each: a map at a quarter, an eighth, a 16th and a 32nd of the input."""
Size = tuple[int, int]
Largest = tuple[PositiveInt, PositiveInt] | None
"""(h, w): of larger maps the means of whole blocks of pixels are kept, so many; None keeps maps as they are."""


def stride(branch: Branch) -> int:
    """By how much its map is smaller than the input."""
    return int(branch[1:])


def _ordered(branches: tuple[Branch, ...]) -> tuple[Branch, ...]:
    """In one order, so that the same branches have one fingerprint."""
    if not branches or len(set(branches)) != len(branches):
        raise ValueError("at least one branch, each once")
    return tuple(branch for branch in BRANCHES if branch in branches)


Branches = Annotated[tuple[Branch, ...], AfterValidator(_ordered)]


def kept(shape: tuple[int, ...], largest: Largest) -> tuple[int, ...]:
    """The shape that a map (c, h, w) is stored in. Raises: ConfigError when it has no whole blocks to take means of."""
    if largest is None:
        return shape
    sides = tuple(min(side, most) for side, most in zip(shape[1:], largest, strict=True))
    if any(side % to for side, to in zip(shape[1:], sides, strict=True)):
        had, most = (" x ".join(map(str, size)) for size in (shape[1:], largest))
        raise ConfigError(
            f"largest = {list(largest)}: a map of {had} pixels has no whole blocks to take {most} means of. "
            "Take a largest whose sides divide the map's, or another size"
        )
    return (shape[0], *sides)


def spec(shape: tuple[int, ...], largest: Largest, compressed: bool, what: str) -> ArraySpec:
    """Of the array of a map (c, h, w). Raises: ConfigError as ``kept``."""
    mean = kept(shape, largest) != shape
    unit = f"{what}{', means of blocks of pixels' if mean else ''}: channel, row, column"
    return ArraySpec(kept(shape, largest), "float16", unit, compressed=compressed)


def means(maps: Mapping[str, Tensor], largest: Largest) -> dict[str, Tensor]:
    """Maps (n, c, h, w) as they are stored, float32."""
    return {name: _mean(one.float(), kept(tuple(one.shape[1:]), largest)) for name, one in maps.items()}


def _mean(one: Tensor, wanted: tuple[int, ...]) -> Tensor:
    if tuple(one.shape[1:]) == wanted:
        return one
    (height, width), (rows, columns) = one.shape[2:], wanted[1:]
    blocks = one.reshape(*one.shape[:2], rows, height // rows, columns, width // columns)
    return blocks.mean((3, 5))
