"""Everything a page is made of, and what is left out of it, with the reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.errors import AffectError, StoreError, unknown
from cache.store import Feature, Store
from heads import report
from heads.about import mapping_of
from heads.page.projection import Projection, tsne
from heads.page.scores import Scored, score
from heads.protocols import one_shot

_CURE = "Run make ablate again with the one that is wanted; finished cells are kept"


@dataclass(frozen=True)
class Place:
    """Where the run's features and labels come from. device: cpu or cuda."""

    store: Store
    rules: one_shot.Rules
    device: str = "cpu"


@dataclass(frozen=True)
class Material:
    """run: its folder's name. results: results.json. scored, projections: by row name. features: of the store, those of
    the run's fingerprints only. categories: of the manifest. rules: the mapping, if it is the run's. left_out: why
    something is not there."""

    run: str
    results: Mapping[str, Any]
    scored: Mapping[str, Scored] = field(default_factory=dict)
    projections: Mapping[str, Projection] = field(default_factory=dict)
    features: Mapping[str, Feature] = field(default_factory=dict)
    categories: Sequence[str] = ()
    rules: one_shot.Rules | None = None
    left_out: Sequence[str] = ()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows that have numbers."""
        return [row for row in self.results["rows"] if row.get("metrics")]

    def untrained(self, row: Mapping[str, Any]) -> list[str]:
        """The untrained features that a row was made from."""
        without = {one["name"] for one in self.results["features"] if not one["trained"]}
        return [name for name in row["features"] if name in without]


def finished(folder: Path) -> dict[Path, dict[str, Any]]:
    """The results of a run: its own, or those of the protocols that its summary names; of a grid that has not ended,
    those of each of its folders.

    Raises: StoreError when there are none, when one is damaged, and when the folder has both its own and a summary.
    """
    own, summary = (folder / report.RESULTS).exists(), report.read_summary(folder)
    if summary and own:
        raise StoreError(f"{folder}: holds {report.SUMMARY} and {report.RESULTS}, of two grids. {_CURE}")
    if summary:
        named = [folder / one["folder"] for one in summary["protocols"].values() if one["folder"]]
        return {one: report.read(one) for one in named if (one / report.RESULTS).exists()}
    found = sorted(path.parent for path in folder.glob(f"*/{report.RESULTS}"))
    if found and not own:
        return {one: report.read(one) for one in found}
    return {folder: report.read(folder)}


def silent(_: str) -> None:
    """Nobody watches."""


def gather(
    folder: Path,
    results: Mapping[str, Any],
    place: Place,
    heads: Sequence[str] = (),
    watch: Callable[[str], None] = silent,
) -> Material:
    """heads: names of the rows whose embeddings are laid out; none: see ``laid_out``. watch: told what is done next.

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

    dataset, protocol = results["dataset"], results["protocol"]
    manifest = attempt("The store's part of this page", lambda: place.store.manifest(dataset))
    rows = [row for row in results["rows"] if row.get("metrics")] if manifest else []
    _check_known(heads, results)
    scored = {
        row["name"]: attempt(
            f"Classes and embeddings of {row['name']}",
            lambda row=row: score(  # type: ignore[misc]
                folder / f"{row['name']}.safetensors", row, protocol, place.store, place.rules, place.device
            ),
        )
        for row in rows
    }
    scored = {name: one for name, one in scored.items() if one}
    stored = attempt("The features' settings", lambda: place.store.features(dataset)) if manifest else None
    features, fault = _of_the_run(results, stored or {})
    left_out += fault if manifest else []
    rules, fault = _mapping(results, place.rules)
    names = [name for name in (heads or laid_out(rows)) if name in scored]
    plots = {}
    for name in names:
        watch(f"t-SNE of {name}")
        plots[name] = tsne(scored[name].embedding, scored[name].labels)
    return Material(
        run=folder.name,
        results=results,
        scored=scored,
        projections={name: one for name, one in plots.items() if one},
        features=features,
        categories=manifest.category_names if manifest else (),
        rules=rules,
        left_out=[*left_out, *fault],
    )


def _check_known(heads: Sequence[str], results: Mapping[str, Any]) -> None:
    known = [row["name"] for row in results["rows"]]
    for name in heads:
        if name not in known:
            raise unknown("head of the run", name, known)


def laid_out(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first head of the table that was trained, and the best on validation (never on test)."""
    trained = [row for row in rows if row.get("parameters")]
    if not trained:
        return []
    best = max(trained, key=lambda row: sum(row["validation"]) / len(row["validation"]))
    return list(dict.fromkeys([trained[0]["name"], best["name"]]))


def _of_the_run(results: Mapping[str, Any], stored: Mapping[str, Feature]) -> tuple[dict[str, Feature], list[str]]:
    """The stored features that are still the run's, and a line for each that is another by now."""
    then = {one["name"]: one["fingerprint"] for one in results["features"]}
    same = {name: one for name, one in stored.items() if then.get(name) == one.fingerprint}
    return same, [
        f"Settings of feature {name}: the run had {then[name]}, the store has {one.fingerprint}"
        for name, one in stored.items()
        if name in then and name not in same
    ]


def _mapping(results: Mapping[str, Any], rules: one_shot.Rules) -> tuple[one_shot.Rules | None, list[str]]:
    version, then, now = results.get("mapping_version"), results.get("mapping"), mapping_of(rules)
    same = version == rules.version and then in (None, now)
    if same and results["protocol"] in rules.names():
        return rules, []
    if results["protocol"] not in rules.names():
        return None, [f"The mapping: one_shot.toml has no protocol {results['protocol']}"]
    if version == rules.version:
        return None, [f"The mapping: the run had {then}, one_shot.toml is {now}, both of version {version}"]
    return None, [f"The mapping: the run had version {version}, one_shot.toml is version {rules.version}"]
