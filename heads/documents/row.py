"""The rows of a grid over several protocols: one for each head and table of settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heads.experiments.cell import Cell
from heads.experiments.ensemble_cell import EnsembleCell
from heads.experiments.finished import Absent, Finished
from heads.statistics.comparison import unpaired
from heads.trial import Resamples, Scores

Values = Mapping[str, Scores]


@dataclass(frozen=True)
class Table:
    """One protocol of a grid. wanted: its cells in order, each of them done or absent. document: what its results.json
    holds, None when no cell could be trained."""

    protocol: str
    folder: Path
    wanted: Sequence[Cell | EnsembleCell]
    done: Sequence[Finished]
    absent: Sequence[Absent]
    document: dict[str, Any] | None


@dataclass(frozen=True)
class Column:
    """One protocol, or the average of several."""

    name: str
    protocols: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One row of the grid over all protocols. results: what results.json has of it. All but the name and the head
    are by protocol, but ``bounds`` by metric."""

    name: str
    head: str
    settings: Mapping[str, Mapping[str, Any]]
    results: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Values]
    resamples: Mapping[str, Resamples]
    bounds: Mapping[str, tuple[float, float]]
    untrained: Mapping[str, Sequence[str]]
    reasons: Mapping[str, str]

    def settings_under(self, protocols: Sequence[str]) -> Mapping[str, Any] | None:
        """Under the first of ``protocols`` that it is wanted under."""
        return next((self.settings[name] for name in protocols if name in self.settings), None)

    def values(self, column: Column) -> Values | None:
        """By metric, for an average the mean over its protocols; None when a part of it is not there.

        Protocols of one kind share seeds and resamples, whatever their people; so they are averaged seed by seed and
        resample by resample.
        """
        parts = [self.scores.get(protocol) for protocol in column.protocols]
        known = [part for part in parts if part is not None]
        shapes = {one.resampled.shape for part in known for one in part.values()}
        alike = len({tuple(part) for part in known}) == 1 and len(shapes) == 1
        if len(known) < len(parts) or not alike:
            return None
        return {name: _mean([part[name] for part in known]) for name in known[0]}

    def reason(self, column: Column) -> str:
        """Why there are no values."""
        found = [self.reasons[protocol] for protocol in column.protocols if protocol in self.reasons]
        return found[0] if found else "not over the same seeds and resamples"

    def unpaired(self, other: "Row", column: Column) -> str | None:
        """Why the two cannot be paired in the first protocol of the column where they cannot; both have values."""
        found = (unpaired(self.results[name], other.results[name]) for name in column.protocols)
        return next((reason for reason in found if reason), None)


def _mean(parts: Sequence[Scores]) -> Scores:
    return Scores(np.mean([one.seeds for one in parts], axis=0), np.mean([one.resampled for one in parts], axis=0))


def rows_of(tables: Sequence[Table]) -> list[Row]:
    """In the order of the grid, which is that of any protocol's cells."""
    out, documents = [], [table.document for table in tables if table.document]
    bounds = {one["name"]: tuple(one["bounds"]) for document in documents for one in document["metrics"]}
    for name, cell in {one.name: one for table in tables for one in table.wanted}.items():
        wanted = {table.protocol: one.settings for table in tables for one in table.wanted if one.name == name}
        done = {table.protocol: one for table in tables for one in table.done if one.cell.name == name}
        absent = {table.protocol: one.reason for table in tables for one in table.absent if one.cell.name == name}
        marks = {table.protocol: _untrained(table.document) for table in tables}
        features = {input_.partition("/")[0] for input_ in cell.inputs}
        out.append(
            Row(
                name,
                cell.head,
                wanted,
                {protocol: one.row for protocol, one in done.items()},
                {protocol: one.scores for protocol, one in done.items()},
                {protocol: one.resamples for protocol, one in done.items()},
                bounds,
                {protocol: sorted(features & marks[protocol]) for protocol in done},
                absent,
            )
        )
    return out


def _untrained(document: Mapping[str, Any] | None) -> set[str]:
    return {one["name"] for one in (document["features"] if document else []) if not one["trained"]}
