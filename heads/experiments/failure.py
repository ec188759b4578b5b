"""What can go wrong while one row trains that is no fault of the others."""

import numpy as np
import torch

from cache.errors import AffectError, ConfigError

MEMORY, UNSOLVED = "not enough memory", "no solution"
FAILURES = (MemoryError, RuntimeError, np.linalg.LinAlgError)
"""What ``reason_of`` knows; a RuntimeError can also be another fault."""
_STARVED = ("allocate memory", "out of memory")
"""What torch's RuntimeErrors say when there is not enough."""
_MOST = 160
"""Characters of an error's own text."""


class Failed(ConfigError):  # noqa: N818 (reads as what it is)
    """A row's settings ask for more than the machine or the arithmetic gives. reason: in a few words."""

    def __init__(self, name: str, reason: str, error: Exception) -> None:
        """name: of the row."""
        told, cure = " ".join(str(error).split())[:_MOST].rstrip("."), _CURES[reason]
        super().__init__(f"{name}: {reason}{': ' if told else ''}{told}. {cure}")
        self.reason = reason


_CURES = {
    MEMORY: "Make its sizes, batch or resamples smaller, or SEEDS fewer",
    UNSOLVED: "Take a larger ridge or shrinkage",
}


def reason_of(error: Exception) -> str | None:
    """MEMORY or UNSOLVED; None for every other fault."""
    if isinstance(error, AffectError):
        return None
    if isinstance(error, np.linalg.LinAlgError | torch.linalg.LinAlgError):  # type: ignore[attr-defined]  # documented
        return UNSOLVED
    starved = isinstance(error, MemoryError) or any(word in str(error) for word in _STARVED)
    return MEMORY if starved else None
