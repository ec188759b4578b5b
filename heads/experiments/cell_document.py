"""What the file of a finished cell must hold to be reused or compared; more may stand in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from cache.errors import StoreError
from cache.fingerprint import fingerprint
from heads.document import Part, first_fault
from heads.trial import Resamples


class _Identity(Part):
    dataset: str
    source: str
    kind: str
    protocol: str
    task: dict[str, Any]
    seeds: int
    settings: dict[str, Any]


class _Row(Part):
    name: str
    seeds: int
    parameters: int
    settings: dict[str, Any]
    scored_on: dict[str, Any]
    untrained: list[str]


class _Scores(Part):
    seeds: list[float] = Field(min_length=1)
    resampled: list[list[float]]

    @model_validator(mode="after")
    def _resamples_of_every_seed(self) -> Self:
        if len(self.resampled) != len(self.seeds) or len({len(one) for one in self.resampled}) != 1:
            raise ValueError(f"not as many resamples of each of {len(self.seeds)} seeds")
        return self


class _Metric(Part):
    unit: str
    scale: float
    bounds: tuple[float, float]


class _Checkpoint(Part):
    bytes: int
    digest: str


class _Cell(Part):
    identity: _Identity
    row: _Row
    resamples: Resamples
    metrics: dict[str, _Metric]
    scores: dict[str, _Scores] = Field(min_length=1)
    checkpoint: _Checkpoint
    digest: str

    @model_validator(mode="after")
    def _every_score_is_told(self) -> Self:
        if self.scores.keys() != self.metrics.keys():
            raise ValueError(f"scores of {', '.join(self.scores)}, metrics {', '.join(self.metrics)}")
        return self


def digest_of(content: Mapping[str, Any]) -> str:
    """Of all but the identity, which is compared itself."""
    return fingerprint({name: content[name] for name in ("row", "resamples", "metrics", "scores", "checkpoint")})


def check(found: Any, path: Path) -> None:
    """found: the JSON of ``path``. Raises: StoreError with the first fault, or when it was changed since."""
    try:
        _Cell.model_validate(found)
    except ValidationError as error:
        raise StoreError(f"{path}: is not a finished row: {first_fault(error)}. Train again") from None
    if digest_of(found) != found["digest"]:
        raise StoreError(f"{path}: is not as it was written. Train again")
