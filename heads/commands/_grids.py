"""Train grids: each protocol one table, and all of them as the papers' tables; what is finished is reused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.errors import ConfigError, StoreError, TooLittleData
from cache.store import NO_STAGE, Features
from heads.commands._spread import Ahead
from heads.documents.results import document
from heads.documents.row import Table
from heads.documents.summary import summarise
from heads.experiments import finished, instead
from heads.experiments.bench import check, prepare
from heads.experiments.cell import Cell
from heads.experiments.ensemble_cell import EnsembleCell, cells_of
from heads.experiments.finished import Absent, Finished
from heads.experiments.grid import Grid, cells
from heads.experiments.place import Place
from heads.experiments.rows import TOO_LITTLE, Rows, Watch
from heads.experiments.runs import slug
from heads.inputs.features import NoVectors
from heads.known_protocols import check_head, find
from heads.protocol import Protocol
from heads.tables import written

MOST_SEEDS = 100
Trainers = Callable[[Sequence[Ahead]], int]
MISFIT = "does not fit the protocol"


@dataclass(frozen=True)
class Outcome:
    """tables: folder -> what its results.json holds. summary: what summary.json holds, None for a single protocol.
    reused, wanted: how many cells were finished before, and how many could be trained at all. spread: how many of the
    former Dask's workers trained just now."""

    root: Path
    tables: Mapping[Path, dict[str, Any]]
    summary: dict[str, Any] | None
    reused: int
    wanted: int
    spread: int = 0


def table(place: Place, protocol: Protocol, wanted: Sequence[Cell], folder: Path, watch: Watch) -> dict[str, Any]:
    """Train the cells under one protocol and write ``folder``. Returns what results.json holds.

    Raises: every AffectError of reading, training and writing.
    """
    _check_seeds(place)
    try:
        bench = prepare(place.store, place.dataset, protocol, wanted, place.device)
    except TooLittleData as error:
        raise TooLittleData(f"{error}{_others_that_do(place, wanted)}") from None
    except NoVectors as error:
        those = ", ".join(instead.heads(protocol, error.array))
        raise ConfigError(f"{error}{f': {those}' if those else ''}") from None
    rows = Rows(place, bench, folder, watch)
    done = [rows.train(one) for one in wanted]
    results = document(bench, done)
    written.write(folder, results)
    return results


def _others_that_do(place: Place, wanted: Sequence[Cell]) -> str:
    """The protocols under which every one of the cells' heads can be trained on this dataset, as a sentence."""
    words = instead.protocols(place.store.manifest(place.dataset), {one.head for one in wanted})
    return f". On these people would do: PROTOCOL={' or '.join(words)}" if words else ""


def ablate(
    place: Place, grid: Grid, overrides: dict[str, Any], name: str, watch: Watch, trained_by: Trainers | None = None
) -> Outcome:
    """Every table of a grid. One protocol is written to runs/<name>; of several, each to runs/<name>/<protocol>, and
    their summary to runs/<name>.

    All settings are checked before anything is trained. A cell that cannot be trained for want of features or people
    says so in its place; when none can, the first one's reason is raised. trained_by: whoever trains the tables' cells
    before this process takes up what is left; returns how many they were. Raises: every AffectError.
    """
    _check_seeds(place)
    root = place.runs / name
    with grid.named(overrides):
        protocols = [find(word, place.mapping) for word in dict.fromkeys(grid.protocols)]
        folders = _folders(root, [one.name for one in protocols])
        planned = [(protocol, cells(grid, protocol, overrides, protocols)) for protocol in protocols]
        joined = {protocol.name: cells_of(grid.ensembles, wanted) for protocol, wanted in planned}
    finished.sweep(root)
    ahead = [_ahead(place, protocol, wanted, folders) for protocol, wanted in planned] if trained_by else []
    spread = trained_by([one for one in ahead if one.possible]) if trained_by else 0
    done = []
    for protocol, wanted in planned:
        others, ensembles = _others(folders, protocol), joined[protocol.name]
        folder = folders[protocol.name]
        done.append(_protocol(place, protocol, wanted, ensembles, folder, others, watch, grid.reference))
        if done[-1].document and folders[protocol.name] != root:
            written.forget(root)
    if not any(one.done for one in done):
        raise done[0].absent[0].error
    summary = summarise(place.dataset, done, grid.reference) if len(planned) > 1 else None
    if summary:
        written.write_summary(root, summary)
    every = [cell for one in done for cell in one.done]
    tables = {one.folder: one.document for one in done if one.document}
    return Outcome(root, tables, summary, sum(cell.reused for cell in every), len(every), spread)


def _ahead(place: Place, protocol: Protocol, wanted: Sequence[Cell], folders: Mapping[str, Path]) -> Ahead:
    absent = _obstacles(place, protocol, wanted)
    possible = [one for one in wanted if all(one is not other.cell for other in absent)]
    return Ahead(protocol, possible, folders[protocol.name], _others(folders, protocol))


def _others(folders: Mapping[str, Path], protocol: Protocol) -> list[Path]:
    return [folder for name, folder in folders.items() if name != protocol.name]


def _folders(root: Path, protocols: Sequence[str]) -> dict[str, Path]:
    """Protocol -> where its table goes. Raises: ConfigError for two that would have the same."""
    if len(protocols) == 1:
        return {protocols[0]: root}
    found: dict[str, Path] = {}
    for name in protocols:
        folder = root / slug(name)
        if other := next((one for one in found if found[one] == folder), None):
            raise ConfigError(f"grid: protocols {other} and {name} have one folder, {folder.name}; rename one of them")
        found[name] = folder
    return found


def _protocol(
    place: Place,
    protocol: Protocol,
    wanted: Sequence[Cell],
    ensembles: Sequence[EnsembleCell],
    folder: Path,
    others: Sequence[Path],
    watch: Watch,
    reference: str | None,
) -> Table:
    """One protocol of a grid: the cells that can be trained, and why the others cannot."""
    absent = _obstacles(place, protocol, wanted)
    every: list[Cell | EnsembleCell] = [*wanted, *ensembles]
    possible = [one for one in wanted if all(one is not other.cell for other in absent)]
    if not possible:
        return Table(protocol.name, folder, wanted, [], absent, None)
    bench = prepare(place.store, place.dataset, protocol, possible, place.device)
    rows = Rows(place, bench, folder, watch, others)
    found: dict[str, Finished | Absent] = {one.name: ended for one, ended in rows.ended(possible)}
    there = [name for name, one in found.items() if isinstance(one, Finished)]
    found |= {one.name: rows.together(one, there) for one in ensembles}
    ended = [found[one.name] for one in every if one.name in found]
    done = [one for one in ended if isinstance(one, Finished)]
    absent += [one for one in ended if isinstance(one, Absent)]
    results = document(bench, done, absent, reference) if done else None
    if results:
        written.write(folder, results)
    return Table(protocol.name, folder, every, done, absent, results)


def _obstacles(place: Place, protocol: Protocol, wanted: Sequence[Cell]) -> list[Absent]:
    """The cells that cannot be trained on this store, and why."""
    features = place.store.features(place.dataset)
    used = sorted({name.partition("/")[0] for one in wanted for name in one.inputs})
    lacking = {"missing": [name for name in used if name not in features]}
    lacking["incomplete"] = [name for name in used if name in features and features[name].counts()["pending"]]
    absent = []
    manifest = place.store.manifest(place.dataset)
    try:
        task = protocol.task(manifest)
    except ConfigError as error:
        return [Absent(one, "labels missing", error) for one in wanted]
    for one in wanted:
        try:
            check_head(one.head, one.model.learns, one.model.gives, protocol)
            _check_features(place.dataset, one, lacking)
            _check_arrays(features, one)
            check(protocol, manifest, task, one)
        except StoreError as error:
            absent.append(Absent(one, str(error).partition(". ")[0].partition(": ")[2], error))
        except ConfigError as error:
            absent.append(Absent(one, MISFIT, error))
        except TooLittleData as error:
            absent.append(Absent(one, TOO_LITTLE, error))
    return absent


def _check_features(dataset: str, one: Cell, lacking: Mapping[str, Sequence[str]]) -> None:
    """Raises: StoreError as ``<row>: features missing: scene. Run ...``."""
    names = {name.partition("/")[0] for name in one.inputs}
    for word, those in lacking.items():
        if bad := [name for name in those if name in names]:
            cure = f'Run make extract DATASET={dataset} STAGES="{" ".join(bad)}"'
            more = f". {NO_STAGE}" if word == "missing" else ""
            raise StoreError(f"{one.name}: features {word}: {', '.join(bad)}. {cure}{more}")


def _check_arrays(features: Features, one: Cell) -> None:
    """Raises: StoreError as ``<row>: arrays missing: face/pooled. face has box, ...``, by features that are
    there."""
    for name in sorted(one.inputs):
        feature, _, array = name.partition("/")
        if array not in (known := features[feature].arrays):
            cure = f"{feature} has {', '.join(known)}: name one as {feature}/{next(iter(known))}"
            raise StoreError(f"{one.name}: arrays missing: {name}. {cure}")


def _check_seeds(place: Place) -> None:
    if not 1 <= place.seeds <= MOST_SEEDS:
        raise ConfigError(f"SEEDS={place.seeds}: from 1 to {MOST_SEEDS}; all of them train together, in memory")
