"""What results.json must hold for its tables and its page to be made; more may stand in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from cache.errors import StoreError
from heads.document import Level, Metric, Number, Part, first_fault


class _Apart(Part):
    mean: Number
    ci95: tuple[Number, Number]


class _Score(_Apart):
    std: Number


class _Paper(Part):
    source: str
    dataset: str
    remark: str


class _Labels(Part):
    caption: str
    columns: list[str] = Field(min_length=1)
    numbers: int
    rows: list[list[str]]
    notes: list[str]

    @model_validator(mode="after")
    def _a_cell_for_each_column(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells, there are {len(self.columns)} columns")
        return self


class _History(Part):
    loss: list[list[Number]]
    validation: list[list[Number]]


class _Plugin(Part):
    file: str
    digest: str


class _Row(Part):
    name: str
    seeds: int = Field(ge=1)
    parameters: int
    seconds: float
    features: list[str]
    judged_by: str
    metrics: dict[str, _Score]
    classes: dict[str, dict[str, _Score]] = Field(default_factory=dict)
    lacking: list[str] = Field(default_factory=list)
    left_out: dict[str, int]
    best_epochs: list[int]
    validation: list[Number] = Field(min_length=1)
    history: _History | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    plugins: dict[str, _Plugin] = Field(default_factory=dict)
    approximates: list[str] = Field(default_factory=list)
    paper: _Paper | None
    trained_for: str | None = None
    difference: dict[str, Any] | None = None
    unpaired: str | None = None

    @model_validator(mode="after")
    def _a_history_of_every_seed(self) -> Self:
        parts = (self.history.loss, self.history.validation) if self.history else ()
        if any(len(epoch) != self.seeds for part in parts for epoch in part) or len({len(part) for part in parts}) > 1:
            raise ValueError(f"history: not one number for each of {self.seeds} seeds in every epoch")
        if len(self.best_epochs) != self.seeds:
            raise ValueError(f"best_epochs: {len(self.best_epochs)} of {self.seeds} seeds")
        if parts and any(not 0 <= epoch <= len(parts[0]) for epoch in self.best_epochs):
            raise ValueError(f"best_epochs: {self.best_epochs} of {len(parts[0])} epochs")
        return self


class _Feature(Part):
    name: str
    fingerprint: str
    trained: bool
    used: bool


class _Absent(Part):
    name: str
    reason: str
    error: str


class _Results(Part):
    dataset: str
    release: str
    protocol: str
    metrics: list[Metric] = Field(min_length=1)
    levels: list[Level]
    over: str
    about: str
    caption: str
    notes: list[str]
    labels: _Labels
    sizes: dict[str, int]
    people: dict[str, dict[str, int]]
    features: list[_Feature]
    threads: int | None = None
    reference: str | None = None
    absent: list[_Absent] = Field(default_factory=list)
    rows: list[_Row] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_metric_of_every_row(self) -> Self:
        named = {one.name for one in self.metrics}
        known = {row.name: row.metrics for row in self.rows}
        for row in self.rows:
            if lacking := sorted(named - set(row.metrics) - set(row.lacking)):
                raise ValueError(f"row {row.name!r} has no {lacking[0]}")
            _check_difference(row, named & set(row.metrics), known)
        return self


def _check_difference(row: _Row, named: set[str], known: Mapping[str, Mapping[str, _Score]]) -> None:
    """named: what the row has of the table's metrics. known: by row. Raises: ValueError, ValidationError."""
    if row.difference is None:
        return
    to = row.difference.get("to")
    if not isinstance(to, str):
        raise ValueError(f"row {row.name!r}: its difference is to nothing")
    for name in named & known.get(to, dict.fromkeys(named)).keys():
        _Apart.model_validate(row.difference.get(name))


def check(found: Any, path: Path) -> None:
    """found: the JSON of ``path``. Raises: StoreError with the first fault."""
    try:
        _Results.model_validate(found)
    except ValidationError as error:
        told = first_fault(error)
        if isinstance(found, dict) and "rows" in found and "kind" not in found:
            told = "it is an older version's, which says nothing of its metrics"
        raise StoreError(f"{path}: is not the results of a run: {told}. Train again into another name") from None
