"""results.json: what one table's cells gave, with all that its tables and its page need to tell of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from cache.errors import StoreError
from cache.files import read_json
from heads.documents import breakdowns, papers, results_check
from heads.documents.breakdowns import Made
from heads.documents.papers import Papers
from heads.experiments.bench import Bench
from heads.experiments.cell import Cell
from heads.experiments.ensemble_cell import EnsembleCell
from heads.experiments.finished import Absent, Finished
from heads.protocol import Protocol
from heads.statistics.comparison import difference, unpaired
from heads.task import PARTS

RESULTS = "results.json"


def document(
    bench: Bench, done: Sequence[Finished], absent: Sequence[Absent] = (), reference: str | None = None
) -> dict[str, Any]:
    """What results.json holds; shares in 0..1.

    absent: rows that could not be trained, and why. reference: the row that ``difference`` is to, paired resample by
    resample; None where it cannot be, with the reason in ``unpaired``. levels: scores that need no learning. over: what
    the intervals are over, beside seeds. features: all of the dataset's in the store, with ``used`` False for those
    that no row read. threads: of the arithmetic; the same number, processor and versions give the same digits.
    """
    task, protocol, known, recipe = bench.task, bench.protocol, papers.read(), done[0].cell.recipe
    metrics, rows = _metrics(done, protocol.metrics(recipe)), []
    for one in done:
        features = sorted({name.partition("/")[0] for name in one.cell.inputs})
        paper = _paper(known, task.dataset, one.cell, protocol)
        judged_by = protocol.validation_title(one.cell.recipe)
        about = {"features": features, "judged_by": judged_by, "paper": paper}
        rows.append({**one.row, **about, **_lacking(one, metrics), **_compared(one, done, reference)})
    used = {name for row in rows for name in row["features"]}
    described = protocol.described(bench.manifest, task)
    return {
        "dataset": task.dataset,
        "release": bench.manifest.release,
        "protocol": task.protocol,
        "kind": protocol.kind,
        "metrics": metrics,
        "levels": [one._asdict() for one in protocol.levels(bench.manifest, task, recipe)],
        "over": protocol.over,
        "sizes": {part: len(getattr(task, part)) for part in PARTS},
        "people": protocol.people(task),
        **described,
        "notes": [*described["notes"], *bench.shortened([one.cell for one in done if isinstance(one.cell, Cell)])],
        "features": _features(bench, used),
        "threads": torch.get_num_threads(),
        "reference": reference,
        "absent": [one.document() for one in absent],
        "rows": rows,
    }


def _paper(known: Papers, dataset: str, cell: Cell | EnsembleCell, protocol: Protocol) -> dict[str, Any] | None:
    if isinstance(cell, Cell):
        return papers.published(known, dataset, cell.head, protocol, cell.settings)
    members = [(one.head, one.settings) for one in cell.members]
    made = Made(members, cell.how, cell.votes)
    return breakdowns.numbers(known.breakdowns, dataset, protocol.name, made)


def _features(bench: Bench, used: Collection[str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "fingerprint": one.fingerprint, "trained": one.trained, "used": name in used}
        for name, one in bench.features.items()
    ]


def _metrics(done: Sequence[Finished], order: Iterable[str]) -> list[dict[str, Any]]:
    """Those that some row has, the main one first. order: names of all that were asked for."""
    told = {name: one for row in reversed(done) for name, one in row.metrics.items()}
    return [{"name": name, **told[name]} for name in order if name in told]


def _lacking(one: Finished, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The metrics of the table that the row has not, for its head does not give what is judged."""
    found = [metric["name"] for metric in metrics if metric["name"] not in one.scores]
    return {"lacking": found} if found else {}


def _compared(one: Finished, done: Sequence[Finished], reference: str | None) -> dict[str, Any]:
    """difference: by metric, and unpaired: why there is none; both None for the reference itself."""
    other = next((row for row in done if row.cell.name == reference and row is not one), None)
    reason = other and unpaired(one.row, other.row)
    if other is None or reason:
        return {"difference": None, "unpaired": reason}
    apart = {
        name: difference(mine, other.scores[name], one.resamples, one.metrics[name]["bounds"])
        for name, mine in one.scores.items()
        if name in other.scores
    }
    return {"difference": {"to": reference, **apart}, "unpaired": None}


def read(folder: Path) -> dict[str, Any]:
    """The results of a finished run. Raises: StoreError when there are none, or when they are damaged."""
    path = folder / RESULTS
    if not path.exists():
        found = sorted(str(one.parent.relative_to(folder.parent)) for one in folder.parent.glob("**/results.json"))
        raise StoreError(f"{path}: no such run. Runs there are: {', '.join(found) or 'none'}. Run make train first")
    results: dict[str, Any] = read_json(path)
    results_check.check(results, path)
    return results
