"""What a metric must provide; a file in heads/metrics is one of them, by its name."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray


class Metric(ABC):
    """A number made of what ``takes`` names, which ``score`` is given:

    ``confusion``: (..., C, C) people by their true class (row) and the one they were given (column), counted or
    weighted. ``flags``: a ``heads.judged.JudgedFlags``, any number of classes a person. ``dimensions``: a
    ``heads.judged.JudgedDimensions``. ``both``: a ``heads.judged.JudgedBoth``, which only people with both give.
    ``people``: a ``JudgedFlags`` of people in annotated boxes. ``boxes``, ``found``: a ``heads.judged.JudgedBoxes``, a
    ``JudgedFound``, of heads that find people. needs: what of ``Protocol.fitted`` it needs, such as thresholds.

    title: in tables. unit, scale: how it is printed (a share in 0..1 as per cent). better: which direction is. bounds:
    what it can be at least and at most, to which intervals are cut.
    """

    takes: ClassVar[str] = "confusion"
    needs: ClassVar[frozenset[str]] = frozenset()
    title: ClassVar[str]
    unit: ClassVar[str] = "%"
    scale: ClassVar[float] = 100.0
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def told(self) -> dict[str, Any]:
        """How it is called and printed, ready for JSON."""
        words = ("title", "unit", "scale", "better", "bounds")
        return {word: getattr(self, word) for word in words}

    @abstractmethod
    def score(self, judged: Any) -> NDArray[np.float64]:
        """Of confusions (...,); else (R,), one for each resample. A class without people has no part in a mean over
        classes."""

    def by_class(self, judged: Any) -> NDArray[np.float64] | None:  # noqa: ARG002 (a metric may have it)
        """(R, C) of each class, or (R, D) of each dimension, NaN where nobody has it; None for a metric that is no mean
        over them."""
        return None

    def by_person(self, judged: Any) -> NDArray[np.float64] | None:  # noqa: ARG002 (a metric may have it)
        """(n,) of each person, whatever the weights, NaN where it is not known; None for a metric that no one person
        has."""
        return None
