"""What a checkpoint keeps: thresholds, and the names of what is told."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from heads.head import Output, given


def check(memory: Mapping[str, Tensor], about: Mapping[str, Any], output: Output) -> None:
    """Raises: LookupError, ValueError when the parts do not fit each other or what the head makes of one sample."""
    if strange := sorted(memory.keys() - {"thresholds"}):
        raise ValueError(f"memory: {', '.join(strange)}, of which the protocol knows nothing")
    logits, thresholds = given(output.logits), memory["thresholds"]
    seeds, _, told = logits.shape
    if thresholds.shape != (seeds, told) or not thresholds.is_floating_point() or thresholds.isnan().any():
        wanted = f"numbers of {seeds} seeds and {told} classes"
        raise ValueError(f"memory: thresholds are {tuple(thresholds.shape)} {thresholds.dtype}, not {wanted}")
    _check_names(about, "classes", told)
    _check_names(about, "dimensions", None if output.dimensions is None else output.dimensions.shape[2])


def _check_names(about: Mapping[str, Any], word: str, told: int | None) -> None:
    names = about[word]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"task: {word} are not a list of names")
    if told is not None and len(names) != told and (names or word == "classes"):
        raise ValueError(f"task: {len(names)} {word}, the head tells {told}")
