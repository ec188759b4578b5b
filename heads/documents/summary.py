"""summary.json: a grid over several protocols as the papers print it, a row for each head and a column for each
protocol."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.files import read_json
from heads.documents import papers, summary_check
from heads.documents.papers import PaperTable
from heads.documents.row import Column, Row, Table, rows_of
from heads.inputs.streams import ROLES
from heads.statistics.comparison import difference, to_published
from heads.statistics.interval import summary

SUMMARY = "summary.json"
OTHER = "Rows beyond the papers' tables"
CITED = ("source", "dataset", "release", "split", "remark")
"""What is told of a number from a table that is no table here."""


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
    ``comparison``) or the reason why it is ``unpaired``, ``untrained`` features, ``cited`` where the paper's number is
    of a table that is none here, or the ``reason`` of its absence.
    """
    rows = rows_of(tables)
    documents = [one.document for one in tables if one.document]
    known = {one["name"]: one for document in documents for one in document["features"]}
    used = {one["name"] for document in documents for one in document["features"] if one["used"]}
    metrics = {one["name"]: one for document in documents for one in document["metrics"]}
    every = _Every(rows, reference, documents)
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
                "remark": entries[0].remark if of else "",
                "columns": [
                    {
                        "name": column.name,
                        "protocols": list(column.protocols),
                        "metrics": next((every.order[name] for name in column.protocols if name in every.order), []),
                    }
                    for column in columns
                ],
                "rows": [_line(row, columns, entries if of else [], every) for row in chosen],
            }
            for title, of, columns, chosen, entries in _layout(rows, [one.protocol for one in tables], dataset)
        ],
    }


def _about(table: Table) -> dict[str, Any]:
    absent = [one.document() for one in table.absent]
    if table.document is None:
        return {"folder": None, "absent": absent}
    keys = ("people", "sizes", "levels")
    main = table.document["metrics"][0]["name"]
    return {"folder": table.folder.name, "metric": main, **{key: table.document[key] for key in keys}, "absent": absent}


Layout = tuple[str, str | None, list[Column], list[Row], list[PaperTable]]


def _layout(rows: Sequence[Row], protocols: Sequence[str], dataset: str) -> list[Layout]:
    """Title, the paper's dataset, columns, rows and published entries of each table that the grid touches. On another
    dataset a table has the paper's rows and columns alone, and no dataset of the paper's.

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
            if entries[0].dataset == dataset:
                out.append((title, dataset, columns, chosen, entries))
            else:
                out.append((f"As in {title}", None, columns, chosen, entries))
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
    known = [(entry, settings) for entry in entries if (settings := row.settings_under(entry.protocols)) is not None]
    published = any(row.head in entry.heads and entry.about(settings) for entry, settings in known)
    return published or any(
        entry is entries[-1] and any(role in settings for role in ROLES) and entry.about(settings)
        for entry, settings in known
    )


class _Every:
    """What the cells of all tables look up. order: names of each protocol's metrics, the main one first."""

    def __init__(self, rows: Sequence[Row], reference: str | None, documents: Sequence[Mapping[str, Any]]) -> None:
        self.rows, self.reference = rows, reference
        self.order = {one["protocol"]: [metric["name"] for metric in one["metrics"]] for one in documents}
        self._papers = {(one["protocol"], row["name"]): row["paper"] or {} for one in documents for row in one["rows"]}

    def other(self, row: Row) -> Row | None:
        """The reference, unless it is the row itself."""
        return next((one for one in self.rows if one.name == self.reference and one is not row), None)

    def paper(self, row: Row, column: Column) -> Mapping[str, Any]:
        """What results.json has of the papers beside a row; nothing of an average."""
        return self._papers.get((column.protocols[0], row.name), {}) if len(column.protocols) == 1 else {}


def _line(row: Row, columns: Sequence[Column], entries: Sequence[PaperTable], every: _Every) -> dict[str, Any]:
    return {"name": row.name, "head": row.head, "cells": [_cell(row, column, entries, every) for column in columns]}


def _cell(row: Row, column: Column, entries: Sequence[PaperTable], every: _Every) -> dict[str, Any]:
    settings = row.settings_under(column.protocols) or {}
    main = next((every.order[name][0] for name in column.protocols if name in every.order), "")
    told = [entry.value(row.head, column.name) for entry in entries if entry.about(settings)]
    told += [] if entries else [every.paper(row, column).get(main)]
    paper = next((value for value in told if value is not None), None)
    values = row.values(column)
    if values is None:
        return {"paper": paper, "reason": row.reason(column)}
    kind = row.resamples[column.protocols[0]]
    metrics = {name: summary(one, kind, row.bounds[name]) for name, one in values.items()}
    out: dict[str, Any] = {"paper": paper, "metrics": metrics}
    if paper is not None and not entries:
        out["cited"] = {key: every.paper(row, column).get(key, "") for key in CITED}
    if lacking := [name for name in every.order[column.protocols[0]] if name not in metrics]:
        out["lacking"] = lacking
    if paper is not None and main in metrics:
        out["difference"] = to_published(metrics[main], paper)
    other = every.other(row)
    theirs = other.values(column) if other else None
    if other and theirs is not None:
        if reason := row.unpaired(other, column):
            out["unpaired"] = reason
        elif main in values and main in theirs:
            out["to_reference"] = difference(values[main], theirs[main], kind, row.bounds[main])
    return out | {"untrained": sorted({name for protocol in column.protocols for name in row.untrained[protocol]})}
