"""What can go wrong while one row trains that is no fault of the others."""

import numpy as np
import torch

from cache.errors import AffectError, ConfigError, PluginFault
from cache.plugin_faults import fault

MEMORY, UNSOLVED = "not enough memory", "no solution"
_STARVED = ("allocate memory", "out of memory")
"""What torch's RuntimeErrors say when there is not enough."""
_MOST = 160
"""Characters of an error's own text."""


class Failed(ConfigError):  # noqa: N818 (reads as what it is)
    """A row cannot be trained. reason: in a few words."""

    def __init__(self, told: str, reason: str) -> None:
        super().__init__(told)
        self.reason = reason


def failed(name: str, error: Exception) -> Failed | None:
    """What ``error`` says of the row ``name``: its settings ask for more than the machine or the arithmetic gives, or
    its head, or another plug-in that it is made of, raised. None for every other fault."""
    if reason := reason_of(error):
        told, cure = " ".join(str(error).split())[:_MOST].rstrip("."), _CURES[reason]
        return Failed(f"{name}: {reason}{': ' if told else ''}{told}. {cure}", reason)
    raised = error if isinstance(error, PluginFault) else fault(error)
    return Failed(f"{name}: {raised}", f"error in {raised.where}") if raised else None


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
