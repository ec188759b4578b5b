"""What the file of a finished cell must hold to be reused or compared; more may stand in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from cache.errors import StoreError
from cache.fingerprint import fingerprint
from heads.document import Part, first_fault


class _Settings(Part):
    shots: int
    episodes: int


class _Identity(Part):
    dataset: str
    source: str
    protocol: str
    mapping: str
    seeds: int
    settings: _Settings


class _ScoredOn(Part):
    people: str
    support: str


class _Row(Part):
    name: str
    seeds: int
    parameters: int
    settings: _Settings
    scored_on: _ScoredOn
    untrained: list[str]


class _Episodes(Part):
    correct: list[Any]
    total: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _counts_of_every_class(self) -> Self:
        shape = np.array(self.correct, np.int64).shape
        if len(shape) != 3 or shape[2] != len(self.total):
            raise ValueError(f"correct {shape} is not seeds x episodes x {len(self.total)} classes")
        return self


class _Checkpoint(Part):
    bytes: int
    digest: str


class _Cell(Part):
    identity: _Identity
    row: _Row
    episodes: _Episodes
    checkpoint: _Checkpoint
    digest: str


def digest_of(content: Mapping[str, Any]) -> str:
    """Of all but the identity, which is compared itself."""
    return fingerprint({name: content[name] for name in ("row", "episodes", "checkpoint")})


def check(found: Any, path: Path) -> None:
    """found: the JSON of ``path``. Raises: StoreError with the first fault, or when it was changed since."""
    try:
        _Cell.model_validate(found)
    except ValidationError as error:
        raise StoreError(f"{path}: is not a finished row: {first_fault(error)}. Train again") from None
    if digest_of(found) != found["digest"]:
        raise StoreError(f"{path}: is not as it was written. Train again")
