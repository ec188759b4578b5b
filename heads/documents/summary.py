"""summary.json: a grid over several protocols as the papers print it, a row for each head and a column for each
protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cache.files import read_json
from heads.documents import papers, summary_check
from heads.documents.papers import PaperTable
from heads.experiments.cell import Cell
from heads.experiments.finished import Absent, Finished
from heads.inputs.streams import ROLES
from heads.protocol import Resamples, Scores
from heads.statistics.comparison import difference, unpaired
from heads.statistics.interval import summary

SUMMARY = "summary.json"
OTHER = "Rows beyond the papers' tables"
Values = Mapping[str, Scores]


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
    """One row of the grid over all protocols. results: what results.json has of it. All but the name, the head and
    its settings are by protocol, but ``bounds`` by metric."""

    name: str
    head: str
    settings: Mapping[str, Any]
    results: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Values]
    resamples: Mapping[str, Resamples]
    bounds: Mapping[str, tuple[float, float]]
    untrained: Mapping[str, Sequence[str]]
    reasons: Mapping[str, str]

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


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a grid over several protocols, None where there is none. Raises: StoreError when it is damaged."""
    path = folder / SUMMARY
    if not path.is_file():
        return None
    found: dict[str, Any] = read_json(path)
    summary_check.check(found, path)
    return found


def summarise(dataset: str, tables: Sequence[Table], reference: str | None) -> dict[str, Any]:
    """What summary.json holds; shares in 0..1. Each column: its ``metrics``, the main one first. Each cell: ``paper``,
    the ``metrics``, ``difference`` (of the main one, ours minus the paper's), ``to_reference`` (paired, see
    ``comparison``) or the reason why it is ``unpaired``, ``untrained`` features, or the ``reason`` of its absence.
    """
    rows = _rows(tables)
    documents = [one.document for one in tables if one.document]
    known = {one["name"]: one for document in documents for one in document["features"]}
    used = {one["name"] for document in documents for one in document["features"] if one["used"]}
    metrics = {one["name"]: one for document in documents for one in document["metrics"]}
    order = {one["protocol"]: [metric["name"] for metric in one["metrics"]] for one in documents}
    return {
        "dataset": dataset,
        **{key: documents[0][key] for key in ("release", "threads")},
        "about": ", ".join(dict.fromkeys(one["about"] for one in documents if one["about"])),
        "over": ", or ".join(dict.fromkeys(one["over"] for one in documents)),
        "metrics": list(metrics.values()),
        "seeds": documents[0]["rows"][0]["seeds"],
        "reference": reference,
        "features": [{**one, "used": name in used} for name, one in sorted(known.items())],
        "protocols": {one.protocol: _about(one) for one in tables},
        "tables": [
            {
                "title": title,
                "dataset": of,
                "remark": entries[0].remark if entries else "",
                "columns": [
                    {
                        "name": column.name,
                        "protocols": list(column.protocols),
                        "metrics": next((order[name] for name in column.protocols if name in order), []),
                    }
                    for column in columns
                ],
                "rows": [_line(row, columns, entries, rows, reference) for row in chosen],
            }
            for title, of, columns, chosen, entries in _layout(rows, [one.protocol for one in tables])
        ],
    }


def _rows(tables: Sequence[Table]) -> list[Row]:
    """In the order of the grid, which is that of any protocol's cells."""
    out, documents = [], [table.document for table in tables if table.document]
    bounds = {one["name"]: tuple(one["bounds"]) for document in documents for one in document["metrics"]}
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


def _about(table: Table) -> dict[str, Any]:
    absent = [one.document() for one in table.absent]
    if table.document is None:
        return {"folder": None, "absent": absent}
    keys = ("people", "sizes", "levels")
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
    kind, main = row.resamples[column.protocols[0]], next(iter(values))
    metrics = {name: summary(one, kind, row.bounds[name]) for name, one in values.items()}
    out: dict[str, Any] = {"paper": paper, "metrics": metrics}
    if paper is not None:
        ours, (low, high) = metrics[main], metrics[main]["ci95"]
        out["difference"] = {"mean": ours["mean"] - paper, "ci95": [low - paper, high - paper]}
    theirs = other.values(column) if other else None
    if other and theirs is not None:
        if reason := row.unpaired(other, column):
            out["unpaired"] = reason
        else:
            out["to_reference"] = difference(values[main], theirs[main], kind)
    return out | {"untrained": sorted({name for protocol in column.protocols for name in row.untrained[protocol]})}
