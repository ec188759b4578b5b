"""The scoring of a trained head as an ONNX file, with a JSON beside it that says what goes in and comes out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.files import make_folder, replace, replace_text
from cache.spec import Status
from cache.store import Store
from heads.checkpoints import checkpoint, portable
from heads.checkpoints.checkpoint import Checkpoint
from heads.checkpoints.published import Published

TRIED = 64
"""People of the store whom the model is tried on."""


def write(target: Path, path: Path, told: Published, store: Store) -> str:
    """Make ``target`` of the checkpoint at ``path``. Returns a line on how it was tried.

    Raises: NotInstalled, ConfigError for a head that cannot be one, StoreError; then there is no file.
    """
    portable.check_installed()
    loaded = checkpoint.load(path)
    about = _about(loaded, told)
    words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in about.items()}
    dtypes = {name: one["dtype"] for name, one in about["inputs"].items()}
    stored = _stored(loaded, store)
    made = portable.model(loaded, dtypes, words, stored)
    make_folder(target.parent)
    replace(target, [made])
    replace_text(target.with_suffix(".json"), json.dumps(about, indent=1, allow_nan=False) + "\n")
    people = len(next(iter(stored.values()), ()))
    return f"equal to torch within {portable.CLOSE:g} on drawn rows and on {people} people of the store"


def _about(loaded: Checkpoint, told: Published) -> dict[str, Any]:
    """Ready for JSON; also the model's own metadata."""
    about = loaded.about
    inputs = {}
    for name in loaded.inputs:
        feature, _, array = name.partition("/")
        spec = told.features[feature].arrays[array]
        inputs[name] = {"shape": ["people", *spec["shape"]], "dtype": spec["dtype"], "unit": spec.get("unit", "")}
    return {
        "head": about["head"],
        "row": told.name,
        "dataset": about["dataset"],
        "release": about["release"],
        "protocol": about["protocol"],
        "seeds": about["seeds"],
        "task": about["task"],
        "settings": about["settings"],
        "inputs": inputs,
        "outputs": {name: list(names) for name, names in _columns(loaded).items()},
        "features": {name: one.model_dump() for name, one in told.features.items()},
        "networks": [one.model_dump() for one in told.networks],
        "untrained": about["untrained"],
        "licence": told.licence,
        "table": told.table,
    }


def _columns(loaded: Checkpoint) -> dict[str, list[str]]:
    """Answer -> the names of its columns."""
    zeros = {name: np.zeros((1, *_shape(loaded, name)), np.float32) for name in loaded.inputs}
    return portable.columns(loaded, zeros)


def _shape(loaded: Checkpoint, name: str) -> list[int]:
    known = loaded.about
    return list(known["shapes"][name]) if name in known["shapes"] else [known["widths"][name]]


def _stored(loaded: Checkpoint, store: Store) -> dict[str, NDArray[np.generic]]:
    """Raw rows of the first people who have every input."""
    features = store.features(loaded.about["dataset"])
    manifest = features.manifest
    rows = np.flatnonzero(manifest.persons >= 0)[: 8 * TRIED]
    read = {name: features[name.partition("/")[0]].of_people(name.partition("/")[2], rows) for name in loaded.inputs}
    fine = np.logical_and.reduce([status == Status.OK for _, status in read.values()]) if read else np.zeros(0, bool)
    return (
        {name: np.ascontiguousarray(values[fine][:TRIED]) for name, (values, _) in read.items()} if fine.any() else {}
    )
