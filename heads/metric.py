"""What a metric must provide; a file in heads/metrics is one of them, by its name."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray


class Metric(ABC):
    """A number made of confusions.

    title: in tables. unit, scale: how it is printed (a share in 0..1 as per cent). better: which direction is. bounds:
    what it can be at least and at most, to which intervals are cut.
    """

    title: ClassVar[str]
    unit: ClassVar[str] = "%"
    scale: ClassVar[float] = 100.0
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @abstractmethod
    def score(self, confusion: NDArray[np.number]) -> NDArray[np.float64]:
        """confusion: (..., C, C) people by their true class (row) and the one they were given (column), counted or
        weighted. Returns (...,). A class without people has no part in a mean over classes."""
