"""What each stream of the demo adds to labels, what noise adds, and when label graph and embedding loss help.

On the demo's store (``make demo``): heads on ever more streams, one beside numbers drawn by chance, ML-GCN and the
label-embedding loss; and the last two once more where every label's people were shuffled, so that nothing stands
together. Differences of mAP are paired over seeds and a bootstrap over images. Writes bench/streams.json. ``--short``
leaves the embedding loss out, whose layers take most of the time; ``--runs`` keeps what was trained, to go on with.
"""

import argparse
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cache import shard
from cache.fingerprint import fingerprint
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store
from heads.commands import _grids
from heads.experiments import finished
from heads.experiments.grid import Grid, usual_protocol
from heads.experiments.place import Place
from heads.experiments.progress import Progress
from scripts.bench.results import machine, record

DATASET, SEEDS, NOISE = "demo", 10, 150
"""NOISE: numbers an image, as many as sem2vec has."""
SEM2VEC = "sem2vec/presence"
ADAM = {"optimiser": "adam", "momentum": 0, "lr": 1e-3, "epochs": 60, "step": 20}
"""For the graph, the embedding loss and what they are compared with: at the thesis' rate for SGD their layers are not
done in 20 epochs, nor in 30 of these, by the validation's mAP."""
LAYERS = {"streams": "BC", "extra": [SEM2VEC], "stream": 48} | ADAM
WEIGHT = 0.05
"""Of the embedding loss: of 0.05, 0.1, 0.2 and 0.4 the best on validation."""
TABLES: dict[str, dict[str, Any]] = {
    "B": {"for": ["fusion"], "streams": "B"},
    "C": {"for": ["fusion"], "streams": "C"},
    "BC": {"for": ["fusion"], "streams": "BC"},
    "BC-sem2vec": {"for": ["fusion"], "streams": "BC", "extra": [SEM2VEC]},
    "adam": {"streams": "BC", "extra": [SEM2VEC], "graph_hidden": 64} | ADAM,
    "BC-sem2vec-noise": {"for": ["fusion"], "streams": "BC", "extra": [SEM2VEC, "noise/numbers"]},
    "layers": {"for": ["fusion"]} | LAYERS,
    "embedding": {"for": ["fusion"], "embedding_weight": WEIGHT} | LAYERS,
}
SHUFFLED = ("adam", "layers", "embedding")
FIXED = {"dimensions_weight": 0, "metrics": ["map"]}
STREAMS = {
    "context beside body": ("fusion-BC", "fusion-B"),
    "body beside context": ("fusion-BC", "fusion-C"),
    "sem2vec beside both": ("fusion-BC-sem2vec", "fusion-BC"),
    "noise beside all": ("fusion-BC-sem2vec-noise", "fusion-BC-sem2vec"),
}
LABELS = {
    "label graph": ("ml_gcn-adam", "fusion-adam"),
    "embedding loss": ("fusion-embedding", "fusion-layers"),
}


def main() -> None:
    """Train, compare, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("store"), help="the demo's, which is copied")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--runs", type=Path, help="a folder to keep (default: a temporary one)")
    parser.add_argument("--short", action="store_true", help="without the embedding loss")
    words = parser.parse_args()
    left = ("layers", "embedding") if words.short else ()
    pairs = {what: pair for what, pair in LABELS.items() if not (words.short and pair[0] == "fusion-embedding")}
    names, again = ([name for name in every if name not in left] for every in (TABLES, SHUFFLED))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        runs = words.runs or folder
        known, shuffled = (_copy(words.store, folder / name) for name in ("known", "shuffled"))
        add_noise(known)
        shuffle_labels(shuffled)
        found = measure(known, runs / "runs", words.seeds, names, STREAMS | pairs)
        without = measure(shuffled, runs / "runs-shuffled", words.seeds, again, pairs)
    record(
        "streams", {"seeds": words.seeds, "short": words.short, "labels": found, "shuffled_labels": without} | machine()
    )


def measure(
    store: Store, runs: Path, seeds: int, names: list[str], pairs: dict[str, tuple[str, str]]
) -> dict[str, Any]:
    """mAP of each row of TABLES ``names``, and of each pair's first minus its second; in 0..1, with 95 % intervals."""
    tables = tuple({"name": name} | TABLES[name] | FIXED for name in names)
    grid = Grid(heads=("fusion", "ml_gcn"), protocols=(usual_protocol("fusion"),), settings=tables)
    place = Place(store, DATASET, runs, seeds=seeds)
    (document,) = _grids.ablate(place, grid, {}, "streams", Progress(sys.stderr)).tables.values()
    told = {what: finished.compare(runs, *(f"streams/{row}" for row in pair))["map"] for what, pair in pairs.items()}
    return {
        "map": {row["name"]: _rounded(row["metrics"]["map"]) for row in document["rows"]},
        "difference": {
            what: _rounded(apart) | {"beyond_interval": apart["ci95"][0] > 0} for what, apart in told.items()
        },
    }


def add_noise(store: Store) -> None:
    """A feature ``noise`` beside the others: NOISE normal numbers an image, of nothing."""
    spec = ArraySpec((NOISE,), "float32", "numbers drawn by chance")
    about: dict[str, Any] = {
        "feature": "noise",
        "granularity": Granularity.IMAGE.value,
        "trained": True,
        "arrays": {"numbers": spec.to_json()},
    }
    store.use(DATASET, about | {"fingerprint": fingerprint(about)[:16]})
    feature, draw = store.features(DATASET)["noise"], np.random.default_rng(0)
    for block in feature.layout.blocks():
        keys = feature.layout.keys(block, Granularity.IMAGE)
        numbers = draw.normal(size=(len(keys), NOISE)).astype(np.float32)
        rows = shard.Rows(keys, np.full(len(keys), Status.OK, np.uint8), [""] * len(keys), {"numbers": numbers})
        shard.write(feature.path(block), feature.fingerprint, feature.source(block), {"numbers": spec}, rows)


def shuffle_labels(store: Store) -> None:
    """Each label goes to as many people of its split as before, drawn anew and apart from all other labels."""
    manifest, draw = store.manifest(DATASET), np.random.default_rng(0)
    categories, splits = manifest.categories.copy(), np.array(manifest.splits)
    for split in np.unique(splits):
        rows = np.flatnonzero(splits == split)
        categories[rows] = draw.permuted(categories[rows], axis=0)
    changed = replace(manifest, categories=categories, source=fingerprint([manifest.source, "shuffled"]))
    changed.save(store.folder(DATASET) / "manifest.parquet")


def _copy(store: Path, to: Path) -> Store:
    shutil.copytree(Store(store).folder(DATASET), to / DATASET)
    return Store(to)


def _rounded(told: dict[str, Any]) -> dict[str, Any]:
    return {"mean": round(told["mean"], 4), "ci95": [round(bound, 4) for bound in told["ci95"]]}


if __name__ == "__main__":
    main()
