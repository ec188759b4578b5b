"""A grid over several protocols as the papers print it: one row for each head, one column for each protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heads import papers
from heads.cell import Cell
from heads.comparison import difference, scores, unpaired
from heads.finished import Absent, Finished
from heads.interval import summary
from heads.papers import PaperTable
from heads.streams import ROLES

OTHER = "Rows beyond the papers' tables"
Values = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Table:
    """One protocol of a grid. wanted: its cells in order, each of them done or absent. document: what its results.json
    holds, None when no cell could be trained."""

    protocol: str
    folder: Path
    wanted: Sequence[Cell]
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
    """One row of the grid over all protocols. results: what results.json has of it. results, scores, untrained and
    reasons are by protocol."""

    name: str
    head: str
    settings: Mapping[str, Any]
    results: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Values]
    untrained: Mapping[str, Sequence[str]]
    reasons: Mapping[str, str]

    def values(self, column: Column) -> Values | None:
        """Metric -> (S, E), for an average the mean over its protocols; None when a part of it is not there.

        The protocols share seeds and draws, for an episode ranks all people whatever their classes (``draw_support``);
        so they are averaged seed by seed and episode by episode.
        """
        parts = [self.scores.get(protocol) for protocol in column.protocols]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or len({part["accuracy"].shape for part in known}) > 1:
            return None
        return {name: np.mean([part[name] for part in known], axis=0) for name in known[0]}

    def reason(self, column: Column) -> str:
        """Why there are no values."""
        found = [self.reasons[protocol] for protocol in column.protocols if protocol in self.reasons]
        return found[0] if found else "not over the same seeds and episodes"

    def unpaired(self, other: "Row", column: Column) -> str | None:
        """Why the two cannot be paired in the first protocol of the column where they cannot; both have values."""
        found = (unpaired(self.results[name], other.results[name]) for name in column.protocols)
        return next((reason for reason in found if reason), None)


def summarise(dataset: str, tables: Sequence[Table], reference: str | None) -> dict[str, Any]:
    """What summary.json holds; fractions in 0..1. Each cell: ``paper``, the metrics, ``difference`` (ours minus the
    paper's), ``to_reference`` (paired, see ``comparison``) or the reason why it is ``unpaired``, ``untrained``
    features, or the ``reason`` of its absence.
    """
    rows = _rows(tables)
    documents = [one.document for one in tables if one.document]
    known = {one["name"]: one for document in documents for one in document["features"]}
    used = {one["name"] for document in documents for one in document["features"] if one["used"]}
    shared = {key: documents[0][key] for key in ("release", "mapping_version", "threads")}
    return {
        "dataset": dataset,
        **shared,
        "seeds": documents[0]["rows"][0]["seeds"],
        "reference": reference,
        "features": [{**one, "used": name in used} for name, one in sorted(known.items())],
        "protocols": {one.protocol: _about(one) for one in tables},
        "tables": [
            {
                "title": title,
                "dataset": of,
                "columns": [{"name": column.name, "protocols": list(column.protocols)} for column in columns],
                "rows": [_line(row, columns, entries, rows, reference) for row in chosen],
            }
            for title, of, columns, chosen, entries in _layout(rows, [one.protocol for one in tables])
        ],
    }


def _rows(tables: Sequence[Table]) -> list[Row]:
    """In the order of the grid, which is that of any protocol's cells."""
    out = []
    for name, cell in {one.name: one for table in tables for one in table.wanted}.items():
        done = {table.protocol: one for table in tables for one in table.done if one.cell.name == name}
        absent = {table.protocol: one.reason for table in tables for one in table.absent if one.cell.name == name}
        marks = {table.protocol: _untrained(table.document) for table in tables}
        features = {input_.partition("/")[0] for input_ in cell.inputs}
        out.append(
            Row(
                name,
                cell.head,
                cell.settings,
                {protocol: one.row for protocol, one in done.items()},
                {protocol: scores(one.counts) for protocol, one in done.items()},
                {protocol: sorted(features & marks[protocol]) for protocol in done},
                absent,
            )
        )
    return out


def _untrained(document: Mapping[str, Any] | None) -> set[str]:
    return {one["name"] for one in (document["features"] if document else []) if not one["trained"]}


def _about(table: Table) -> dict[str, Any]:
    absent = [one.document() for one in table.absent]
    if table.document is None:
        return {"folder": None, "absent": absent}
    keys = ("people", "published_people", "chance", "largest_class")
    return {"folder": table.folder.name, **{key: table.document[key] for key in keys}, "absent": absent}


Layout = tuple[str, str | None, list[Column], list[Row], list[PaperTable]]


def _layout(rows: Sequence[Row], protocols: Sequence[str]) -> list[Layout]:
    """Title, the paper's dataset, columns, rows and published entries of each table that the grid touches.

    A published table has the rows that read its features, and those it has a number for. Entries whose sources differ
    only after a second comma (Table IV's halves) are one table. What is left has a table without a paper.
    """
    grouped: dict[str, list[PaperTable]] = {}
    for entry in papers.read().tables:
        grouped.setdefault(", ".join(entry.source.split(", ")[:2]), []).append(entry)
    out: list[Layout] = []
    shown: set[tuple[str, str]] = set()
    for title, entries in grouped.items():
        columns = _columns(entries, protocols)
        chosen = [row for row in rows if _belongs(row, entries)]
        if columns and chosen:
            out.append((title, entries[0].dataset, columns, chosen, entries))
            shown |= {(row.name, name) for row in chosen for column in columns for name in column.protocols}
    left = [row for row in rows if any((row.name, name) not in shown for name in protocols)]
    if left:
        out.append((OTHER, None, [Column(name, (name,)) for name in protocols], left, []))
    return out


def _columns(entries: Sequence[PaperTable], protocols: Sequence[str]) -> list[Column]:
    """The published order, each average after the last of its parts."""
    columns = []
    for name in entries[0].protocols:
        if name in protocols:
            columns.append(Column(name, (name,)))
        for one in entries[0].averages:
            if one.protocols[-1] == name and set(one.protocols) <= set(protocols):
                columns.append(Column(one.name, one.protocols))
    return columns


def _belongs(row: Row, entries: Sequence[PaperTable]) -> bool:
    """The row has a number in the table, or is the same with other streams."""
    published = any(row.head in entry.heads and entry.about(row.settings) for entry in entries)
    streams = [role for role in ROLES if role in row.settings]
    return published or (bool(streams) and entries[-1].about(row.settings))


def _line(
    row: Row, columns: Sequence[Column], entries: Sequence[PaperTable], rows: Sequence[Row], reference: str | None
) -> dict[str, Any]:
    other = next((one for one in rows if one.name == reference and one is not row), None)
    return {
        "name": row.name,
        "head": row.head,
        "cells": [_cell(row, column, entries, other) for column in columns],
    }


def _cell(row: Row, column: Column, entries: Sequence[PaperTable], other: Row | None) -> dict[str, Any]:
    told = [entry.value(row.head, column.name) for entry in entries if entry.about(row.settings)]
    paper = next((value for value in told if value is not None), None)
    values = row.values(column)
    if values is None:
        return {"paper": paper, "reason": row.reason(column)}
    out: dict[str, Any] = {"paper": paper, **{name: summary(one) for name, one in values.items()}}
    ours = out["accuracy"]
    if paper is not None:
        low, high = ours["ci95"]
        out["difference"] = {"mean": ours["mean"] - paper, "ci95": [low - paper, high - paper]}
    theirs = other.values(column) if other else None
    if other and theirs is not None:
        if reason := row.unpaired(other, column):
            out["unpaired"] = reason
        else:
            out["to_reference"] = difference(values["accuracy"], theirs["accuracy"])
    marked = {name for protocol in column.protocols for name in row.untrained[protocol]}
    return out | {"untrained": sorted(marked)}
