"""What every stage with an HRNet says of its input."""

from typing import Annotated

from pydantic import AfterValidator

STRIDE = 32
"""The network's deepest."""


def _strided(size: tuple[int, int]) -> tuple[int, int]:
    if any(side < STRIDE or side % STRIDE for side in size):
        raise ValueError(f"both sides must be multiples of {STRIDE}, the network's deepest stride")
    return size


StridedSize = Annotated[tuple[int, int], AfterValidator(_strided)]
"""(h, w) in whole steps of the deepest stride."""
