"""What the checks of results.json, summary.json and finished cells share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Number = Annotated[float, Field(ge=-1e9, le=1e9)]
"""One that can be drawn."""


class Part(BaseModel):
    """Of such a file: numbers are finite, and more may stand in it."""

    model_config = ConfigDict(allow_inf_nan=False)


class Metric(Part):
    """How a number is called and printed."""

    name: str
    title: str
    unit: str
    scale: Number


class Level(Part):
    """Scores that need no learning, by metric."""

    name: str
    title: str
    values: dict[str, Number]


def first_fault(error: ValidationError) -> str:
    """``rows.0.name: Field required``, in one line."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(map(str, fault["loc"]))
    return " ".join((f"{where}: {fault['msg']}" if where else fault["msg"]).split())
