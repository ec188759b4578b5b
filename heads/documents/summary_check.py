"""What summary.json must hold for its tables to be printed or drawn; more may stand in it."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from cache.errors import StoreError
from heads.document import Level, Metric, Number, Part, first_fault
from heads.experiments.runs import folder_name


class _Score(Part):
    mean: Number
    ci95: tuple[Number, Number]


class _Cited(Part):
    source: str
    dataset: str
    release: str
    split: str
    remark: str


class _Cell(Part):
    paper: Number | None
    cited: _Cited | None = None
    reason: str | None = None
    metrics: dict[str, _Score] | None = None
    difference: _Score | None = None
    to_reference: _Score | None = None
    unpaired: str | None = None
    untrained: list[str] | None = None
    lacking: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _measured_or_absent(self) -> Self:
        if self.reason is None and (not self.metrics or self.untrained is None):
            raise ValueError("needs a reason, or metrics and untrained")
        return self


class _Row(Part):
    name: str
    head: str
    cells: list[_Cell]


class _Column(Part):
    name: str
    protocols: list[str] = Field(min_length=1)
    metrics: list[str]


class _Table(Part):
    title: str
    dataset: str | None
    remark: str
    columns: list[_Column]
    rows: list[_Row]

    @model_validator(mode="after")
    def _a_cell_for_each_column(self) -> Self:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"row {row.name!r} has {len(row.cells)} cells, the table {len(self.columns)} columns")
            for column, cell in zip(self.columns, row.cells, strict=True):
                has = {*(cell.metrics or column.metrics), *cell.lacking}
                if lacking := [name for name in column.metrics if name not in has]:
                    raise ValueError(f"row {row.name!r} has no {lacking[0]} in column {column.name!r}")
        return self


class _Absent(Part):
    reason: str
    error: str


class _Protocol(Part):
    folder: str | None
    metric: str | None = None
    sizes: dict[str, int] = Field(default_factory=dict)
    levels: list[Level] = Field(default_factory=list)
    absent: list[_Absent]

    @field_validator("folder")
    @classmethod
    def _inside_the_run(cls, folder: str | None) -> str | None:
        return None if folder is None else folder_name(folder)


class _Feature(Part):
    name: str
    fingerprint: str
    trained: bool
    used: bool


class _Summary(Part):
    dataset: str
    release: str
    about: str
    over: str
    metrics: list[Metric] = Field(min_length=1)
    threads: int
    seeds: int
    reference: str | None
    features: list[_Feature]
    protocols: dict[str, _Protocol]
    tables: list[_Table]

    @model_validator(mode="after")
    def _columns_of_known_protocols(self) -> Self:
        named = {name for table in self.tables for column in table.columns for name in column.protocols}
        if unknown := sorted(named - set(self.protocols)):
            raise ValueError(f"columns of {', '.join(unknown)}, which protocols does not name")
        told = {name for table in self.tables for column in table.columns for name in column.metrics}
        if unknown := sorted(told - {one.name for one in self.metrics}):
            raise ValueError(f"columns of {', '.join(unknown)}, which metrics does not name")
        return self


def check(found: Any, path: Path) -> None:
    """found: the JSON of ``path``. Raises: StoreError with the first fault."""
    try:
        _Summary.model_validate(found)
    except ValidationError as error:
        raise StoreError(f"{path}: is not the summary of a grid: {first_fault(error)}. Run make ablate again") from None
