"""A run as it was written before a protocol was a plug-in: no ``kind``, no words for its metrics, counts for scores."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

FOLDER, ROW = "cat-6-6", "random"
SCORE = {"mean": 0.17, "std": 0.0, "ci95": [0.1, 0.2], "values": [0.17]}
METRICS = {"accuracy": SCORE, "macro_accuracy": SCORE}
SETTINGS = {"lr": 0.00035, "epochs": 12, "batch": 32, "per_class": 4, "shots": 1, "episodes": 200}
FEATURES = [{"name": "image", "fingerprint": "0000000000000005", "trained": True, "used": False}]
RESULTS_ROW: dict[str, Any] = {
    "head": ROW,
    "name": ROW,
    "seeds": 1,
    "parameters": 0,
    "seconds": 0.1,
    "training_seconds": 0.0,
    "trained_for": None,
    "metrics": METRICS,
    "left_out": {"train": 0, "val": 0, "test": 0},
    "scored_on": {"people": "f6d1c6a2b07e4a35", "support": "8b1f3f6c2d9e4a10"},
    "untrained": [],
    "best_epochs": [0],
    "validation": [0.17],
    "history": {"loss": [], "validation": []},
    "settings": SETTINGS,
}
RESULTS: dict[str, Any] = {
    "dataset": "demo",
    "release": "toy",
    "protocol": "cat-6:6",
    "mapping_version": 1,
    "mapping": "0123456789abcdef",
    "people": {"train": {"anger": 60}, "val": {"anger": 20}, "test": {"Esteem": 10, "Yearning": 10}},
    "published_people": [],
    "chance": 1 / 6,
    "largest_class": 0.5,
    "features": FEATURES,
    "threads": 2,
    "reference": None,
    "absent": [],
    "rows": [{**RESULTS_ROW, "features": [], "paper": None, "difference": None, "unpaired": None}],
}
SUMMARY: dict[str, Any] = {
    "dataset": "demo",
    "release": "toy",
    "mapping_version": 1,
    "threads": 2,
    "seeds": 1,
    "reference": None,
    "features": FEATURES,
    "protocols": {
        "cat-6:6": {
            **{key: RESULTS[key] for key in ("people", "published_people", "chance", "largest_class", "absent")},
            "folder": FOLDER,
        }
    },
    "tables": [
        {
            "title": "Affect-DML, Table II",
            "dataset": "emotic",
            "columns": [{"name": "cat-6:6", "protocols": ["cat-6:6"]}],
            "rows": [{"name": ROW, "head": ROW, "cells": [{"paper": 0.1678, **METRICS, "untrained": []}]}],
        }
    ],
}
CELL: dict[str, Any] = {
    "identity": {
        "head": ROW,
        "settings": SETTINGS,
        "seeds": 1,
        "dataset": "demo",
        "source": "toy",
        "protocol": "cat-6:6",
        "mapping": "0123456789abcdef",
        "people": "f6d1c6a2b07e4a35",
        "features": {},
        "content": {},
        "training": "aaaaaaaaaaaaaaaa",
        "code": "bbbbbbbbbbbbbbbb",
        "torch": torch.__version__,
        "device": "cpu",
        "threads": 2,
    },
    "row": RESULTS_ROW,
    "episodes": {"correct": [[[1, 2, 3, 1, 2, 3]]], "total": [10, 10, 10, 10, 10, 10]},
    "checkpoint": {"bytes": 1, "digest": "cc"},
    "digest": "dddddddddddddddd",
}
CHECKPOINT: dict[str, Any] = {
    "head": ROW,
    "settings": SETTINGS,
    "widths": {},
    "seeds": [0],
    "seen": ["anger", "sadness", "joy", "love", "fear", "surprise"],
    "unseen": ["Disconnection", "Engagement", "Sensitivity", "Embarrassment", "Esteem", "Yearning"],
    "dataset": "demo",
    "release": "toy",
    "source": "toy",
    "protocol": "cat-6:6",
    "mapping_version": 1,
    "mapping": "0123456789abcdef",
    "features": {},
    "untrained": [],
}


def write(folder: Path, row: str = ROW) -> None:
    """A finished table: results.json, one cell and its checkpoint."""
    (folder / "cells").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(RESULTS))
    (folder / "cells" / f"{row}.json").write_text(json.dumps(CELL))
    gallery = {
        "gallery.embedding": torch.ones(1, 6, 16),
        "gallery.rows": torch.arange(6),
        "gallery.places": torch.arange(6)[None, :, None],
    }
    tensors = {"head.seeds": torch.zeros(1, 1, 1, dtype=torch.int64), **gallery}
    save_file(tensors, folder / f"{row}.safetensors", {"affect-cache": json.dumps(CHECKPOINT)})


def write_grid(folder: Path) -> None:
    """A grid that has ended: summary.json, and the table of its only protocol."""
    write(folder / FOLDER)
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
