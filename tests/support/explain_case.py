"""Heads of every kind, trained for a moment on the toy store, with one person's photograph, for ``make explain``."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from toy_features import SPECS, make_store

from cache.store import Store
from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.experiment import run
from heads.experiments.grid import cell, usual_protocol
from heads.known_protocols import find
from scripts import explain

KEY = "mscoco/00105.jpg#1"
"""A test person, the second of two."""
SMALL = {"epochs": 1, "streams": "C", "regression": "4"}
HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("linear", {"epochs": 2}),
    "unscaled": ("linear", {"epochs": 2, "standardise": False}),
    "random": ("random", {"episodes": 3, "validation_episodes": 1, "epochs": 1}),
    "b_dml": ("b_dml", {"episodes": 3, "validation_episodes": 1, "epochs": 1}),
    "abn": ("abn", SMALL),
    "ml_gcn": ("ml_gcn", {**SMALL, "graph_hidden": 8, "tau": 0.1}),
    "relational": ("relational", {"epochs": 1, "geometry": False, "graph_hidden": 8, "key": 4, "attention_heads": 2}),
}


class Trained(NamedTuple):
    """folder: with ``store``, ``runs`` and, below ``root``, the photograph of KEY."""

    folder: Path

    def words(self, name: str, out: Path, *more: str) -> list[str]:
        head = HEADS[name][0]
        places = ["--store", str(self.folder / "store"), "--runs", str(self.folder / "runs"), "--out", str(out)]
        return ["--head", head, "--name", name, *places, *more]

    def loaded(self, name: str) -> checkpoint.Checkpoint:
        return checkpoint.load(self.folder / "runs" / name / f"{HEADS[name][0]}.safetensors")

    def explain(self, name: str, out: Path, *more: str) -> dict[str, Any]:
        """What the JSON of KEY says of him."""
        assert explain.main(self.words(name, out, "--key", KEY, *more)) == 0
        told: dict[str, Any] = json.loads((out / f"mscoco_00105.jpg.1.{HEADS[name][0]}.explained.json").read_text())
        assert (out / f"mscoco_00105.jpg.1.{HEADS[name][0]}.explained.png").is_file()
        (person,) = told["persons"]
        return {**person, "whole": told}

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """A feature's array of all people, (n, ...)."""
        store = Store(self.folder / "store")
        feature, _, array = name.partition("/")
        return store.features("demo")[feature].of_people(array, np.arange(len(store.manifest("demo"))))[0]


def train(folder: Path) -> Trained:
    """All of HEADS, two models each."""
    store = make_store(
        folder / "store", features=[*SPECS, "context", "body50", "objects"], missing={"body": [8]}, untrained=("pose",)
    )
    for name, (head, settings) in HEADS.items():
        protocol = find(usual_protocol(head))
        one = cell(head, protocol, settings)
        run(prepare(store, "demo", protocol, [one], "cpu"), one, range(2), folder / "runs" / name)
    (folder / "root" / "mscoco").mkdir(parents=True)
    Image.new("RGB", (64, 64), "#405060").save(folder / "root" / "mscoco" / "00105.jpg")
    return Trained(folder)
