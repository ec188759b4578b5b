"""What is told of a trained head that is given away: its features from the store, its table from its run, the licences
of the networks that it reads from the catalogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cache.errors import StoreError
from cache.feature import Feature as Stored
from cache.plugins import load as load_plugin
from cache.store import Store
from heads.checkpoints import checkpoint
from heads.checkpoints.published import Feature, Network, Published
from heads.documents import results
from heads.experiments import finished
from heads.experiments.loaded import check_store
from heads.tables.results import markdown
from pipeline.weights.catalogue import find


def published(path: Path, store: Store, licence: str) -> Published:
    """Of the checkpoint at ``path``, in its run's folder. licence: of the head.

    Raises: StoreError when the store has other features than it was trained on, or the run no table of it.
    """
    about = checkpoint.load(path).about
    name, dataset = path.stem, about["dataset"]
    document = _table(path, name)
    features = _features(path, about, store)
    (row,) = document["rows"]
    return Published(
        name=name,
        licence=licence,
        features=features,
        networks=_networks(features),
        drawn=bool(load_plugin("pipeline.datasets", dataset, "Reader").drawn),
        people=document["sizes"],
        table=markdown(document),
        metrics=row["metrics"],
    )


def _table(path: Path, name: str) -> dict[str, Any]:
    """The run's results, with that row alone. Raises: StoreError."""
    try:
        finished.check_whole(path.parent, name)
    except StoreError as error:
        told = str(error).removesuffix(". Train again").partition(". Run ")[0]
        raise StoreError(f"{told}: so {path} has no table of its own. Run make train again") from None
    found = results.read(path.parent)
    rows = [one for one in found["rows"] if one["name"] == name]
    if not rows:
        raise StoreError(f"{path.parent / results.RESULTS}: has no row {name}. Run make train again")
    alone = {**rows[0], "difference": None, "unpaired": None}
    used = [{**one, "used": one["name"] in rows[0]["features"]} for one in found["features"]]
    features = [one for one in used if one["used"]]
    return {**found, "rows": [alone], "reference": None, "absent": [], "features": features}


def _features(path: Path, about: Mapping[str, Any], store: Store) -> dict[str, Feature]:
    """Those that the head reads, each after the one that it is made from."""
    layout, made = store.layout(about["dataset"]), dict[str, Feature]()
    known = store.features(about["dataset"])
    check_store(path, about, {word: one.fingerprint for word, one in known.items()} | {"": known.manifest.source})

    def add(name: str, fingerprint: str) -> None:
        info = Stored(store.folder(about["dataset"]) / name / fingerprint, layout).info
        for source, its in (info.get("source") or {}).items():
            add(source, its)
        made.setdefault(name, Feature.model_validate({key: info[key] for key in Feature.model_fields if key in info}))

    for name, fingerprint in about["features"].items():
        add(name, fingerprint)
    return made


def _networks(features: Mapping[str, Feature]) -> list[Network]:
    used: dict[str, list[str]] = {}
    for feature, one in features.items():
        for name in one.weights:
            used.setdefault(name, []).append(feature)
    digests = {name: digest for one in features.values() for name, digest in one.weights.items()}
    found = []
    for name, readers in used.items():
        weight = find(name)
        url = weight.url
        told = {"name": name, "file": weight.file, "url": url, "licence": weight.licence, "source": weight.source}
        found.append(Network(**told, sha256=digests[name], features=readers))
    return found
