"""Settings that may differ between models which train together: one number, or one for each model."""

from typing import Annotated, Any

from torch import Tensor


class Varies:
    """Marks a setting whose value may differ from model to model, because the arithmetic takes a column for it."""


Number = Annotated[float, Varies()]
"""A setting that is a number, or, where settings train together, a tensor (S,) with a number for each model."""


def column(value: float | Tensor, like: Tensor) -> Any:
    """``value`` in a form that broadcasts against ``like``, (S, ...): a tensor (S, 1, ...), or the number itself."""
    if not isinstance(value, Tensor):
        return value
    return value.to(like).view(-1, *[1] * (like.ndim - 1))
