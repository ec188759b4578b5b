"""Everything a page is made of, and what is left out of it, with the reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.errors import AffectError, StoreError, unknown
from cache.feature import Feature
from cache.store import Store
from heads.checkpoints.checkpoint import ENSEMBLE
from heads.documents import results as documents
from heads.documents.summary import SUMMARY, read_summary
from heads.drawing import Bars, Drawing, Points
from heads.experiments.evaluate import Evaluation, evaluate
from heads.page.projection import Projection, tsne
from heads.statistics.interval import summary
from heads.trial import Scores

GALLERY = "gallery.html"
"""The page of photographs beside a run's, where ``make gallery`` wrote one."""
_CURE = "Run make ablate again with the one that is wanted; finished cells are kept"
_ROUNDING = 0.005
"""How far a score may move between machines before it counts as another model's."""


@dataclass(frozen=True)
class Place:
    """Where the run's features and labels come from. mapping: a TOML of the user's. device: cpu or cuda."""

    store: Store
    mapping: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Shown:
    """What a page shows of one head. bars: title -> class -> mean and ci95. projections: of the points that are
    laid out, by title."""

    drawings: Sequence[Drawing]
    bars: Mapping[str, Mapping[str, Any]]
    projections: Mapping[str, Projection] = field(default_factory=dict)

    def of(self, title: str) -> Drawing | None:
        """The drawing of that title."""
        return next((one for one in self.drawings if one.title == title), None)


@dataclass(frozen=True)
class Material:
    """run: its folder's name. results: results.json. shown: by row name. features: of the store, those of the run's
    fingerprints only. left_out: why something is not there. heads: those that were asked for by name.
    gallery: whether GALLERY lies beside the page."""

    run: str
    results: Mapping[str, Any]
    shown: Mapping[str, Shown] = field(default_factory=dict)
    features: Mapping[str, Feature] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    heads: Sequence[str] = ()
    gallery: bool = False

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows that have numbers."""
        return [row for row in self.results["rows"] if row.get("metrics")]

    @property
    def drawings(self) -> list[Drawing]:
        """The first drawing of every title, for the sections that there are; of points only those that are laid
        out."""
        every = [one for shown in self.shown.values() for one in shown.drawings if _is_shown(one, shown)]
        return list({one.title: one for one in reversed(every)}.values())[::-1]

    def untrained(self, row: Mapping[str, Any]) -> list[str]:
        """The untrained features that a row was made from."""
        without = {one["name"] for one in self.results["features"] if not one["trained"]}
        return [name for name in row["features"] if name in without]


def _is_shown(one: Drawing, shown: Shown) -> bool:
    return not isinstance(one, Points) or one.title in shown.projections


def finished(folder: Path) -> dict[Path, dict[str, Any]]:
    """The results of a run: its own, or those of the protocols that its summary names; of a grid that has not ended,
    those of each of its folders.

    Raises: StoreError when there are none, when one is damaged, and when the folder has both its own and a summary.
    """
    own, whole = (folder / documents.RESULTS).exists(), read_summary(folder)
    if whole and own:
        raise StoreError(f"{folder}: holds {SUMMARY} and {documents.RESULTS}, of two grids. {_CURE}")
    if whole:
        named = [folder / one["folder"] for one in whole["protocols"].values() if one["folder"]]
        return {one: documents.read(one) for one in named if (one / documents.RESULTS).exists()}
    found = sorted(path.parent for path in folder.glob(f"*/{documents.RESULTS}"))
    if found and not own:
        return {one: documents.read(one) for one in found}
    return {folder: documents.read(folder)}


def silent(_: str) -> None:
    """Nobody watches."""


def gather(
    folder: Path,
    results: Mapping[str, Any],
    place: Place,
    heads: Sequence[str] = (),
    watch: Callable[[str], None] = silent,
) -> Material:
    """heads: names of the rows whose people are laid out; none: see ``laid_out``. watch: told what is done next.

    Raises: UnknownName for a head that the run does not have. Everything else that fails is left out, and told.
    """
    left_out: list[str] = []

    def attempt(what: str, make: Callable[[], Any]) -> Any:
        watch(what)
        try:
            return make()
        except AffectError as error:
            left_out.append(f"{what}: {error}")
            return None

    dataset = results["dataset"]
    known = attempt("The store's part of this page", lambda: place.store.manifest(dataset))
    rows = [row for row in results["rows"] if row.get("metrics")] if known else []
    _check_known(heads, results)
    shown = {
        row["name"]: attempt(
            f"Drawings of {row['name']}",
            lambda row=row: _shown(folder / f"{row['name']}.safetensors", row, results, place),  # type: ignore[misc]
        )
        for row in rows
    }
    shown = {name: one for name, one in shown.items() if one}
    stored = attempt("The features' settings", lambda: place.store.features(dataset)) if known else None
    features, fault = _of_the_run(results, stored or {})
    for name in [name for name in (heads or laid_out(rows)) if name in shown]:
        shown[name] = _projected(name, shown[name], watch)
    return Material(
        folder.name,
        results,
        shown,
        features,
        [*left_out, *(fault if known else [])],
        tuple(heads),
        (folder / GALLERY).is_file(),
    )


def _check_known(heads: Sequence[str], results: Mapping[str, Any]) -> None:
    known = [row["name"] for row in results["rows"]]
    for name in heads:
        if name not in known:
            raise unknown("head of the run", name, known)


def _shown(path: Path, row: Mapping[str, Any], results: Mapping[str, Any], place: Place) -> Shown:
    """Score the checkpoint of ``row``, a row of results.json, again.

    Raises: WeightsError for the checkpoint; StoreError when the store holds another state of annotation or features
    than it was trained on, for another mapping, or when the checkpoint is not the one that ``row`` is of.
    """
    found = evaluate(path, place.store, place.mapping, place.device)
    if (other := found.protocol.name) != results["protocol"]:
        raise StoreError(f"{path}: is of protocol {other}, results.json of {results['protocol']}. Train again")
    _check_scores(path, row, found.metrics)
    return Shown(found.drawings, _summarised(found))


def _summarised(found: Evaluation) -> dict[str, dict[str, Any]]:
    kind = found.protocol.resamples
    return {
        one.title: {name: summary(Scores(*values), kind) for name, values in one.values.items()}
        for one in found.drawings
        if isinstance(one, Bars)
    }


def _check_scores(path: Path, row: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for name, now in found.items():
        then = row["metrics"].get(name, now)
        if abs(now["mean"] - then["mean"]) > _ROUNDING:
            numbers = f"{name} {now['mean']:.4f}, results.json says {then['mean']:.4f}"
            raise StoreError(f"{path}: scores {numbers}. One of the two is of another training: train again")


def _projected(name: str, shown: Shown, watch: Callable[[str], None]) -> Shown:
    plots = {}
    for one in shown.drawings:
        if isinstance(one, Points):
            watch(f"t-SNE of {name}")
            plots[one.title] = tsne(one.vectors, one.labels)
    return Shown(shown.drawings, shown.bars, {title: one for title, one in plots.items() if one})


def laid_out(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first head of the table that was trained, and the best on validation (never on test) of those that were
    judged alike; no ensemble."""
    trained = [row for row in rows if row.get("parameters") and row.get("head") != ENSEMBLE]
    return list(dict.fromkeys([trained[0]["name"], _best(trained)])) if trained else []


def best_ensemble(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The best on validation; None without one."""
    found = [row for row in rows if row.get("head") == ENSEMBLE]
    return _best(found) if found else None


def _best(rows: Sequence[Mapping[str, Any]]) -> str:
    """On validation, of those that were judged as the first was."""
    alike = [row for row in rows if row["judged_by"] == rows[0]["judged_by"]]
    best = max(alike, key=lambda row: sum(row["validation"]) / len(row["validation"]))
    return str(best["name"])


def _of_the_run(results: Mapping[str, Any], stored: Mapping[str, Feature]) -> tuple[dict[str, Feature], list[str]]:
    """The stored features that are still the run's, and a line for each that is another by now."""
    then = {one["name"]: one["fingerprint"] for one in results["features"]}
    same = {name: one for name, one in stored.items() if then.get(name) == one.fingerprint}
    return same, [
        f"Settings of feature {name}: the run had {then[name]}, the store has {one.fingerprint}"
        for name, one in stored.items()
        if name in then and name not in same
    ]
