"""Finished cells, one file each beside the checkpoint, so that an interrupted grid goes on where it was.

``cells/<name>.json`` holds the row of the table, the score of every seed and resample, all that the numbers depend on,
and digests of itself and of the checkpoint. A cell is taken from its file only when all of that is as it was.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.errors import AffectError, ConfigError, StoreError, nearest
from cache.files import PARTIAL, make_folder, read_json, remove, replace_text
from cache.fingerprint import digest, digest_files, fingerprint
from heads.experiments import cell_document
from heads.experiments.bench import Bench
from heads.experiments.cell import Cell, Twin
from heads.experiments.code_version import code_version, metrics_of, plugins_of
from heads.experiments.ensemble_cell import EnsembleCell
from heads.experiments.experiment import training_of
from heads.statistics.comparison import difference, unpaired
from heads.task import PARTS, Task
from heads.trial import Resamples, Scores

_LOG = logging.getLogger(__name__)
_CURE = "Only rows over the same people and resamples can be paired"
_BEYOND_TRAINING = ("protocol", "task", "people", "content")
"""What training depends on only through what the key ``training`` tells: the people that it sees."""
_STALE = 3600.0
"""Seconds after which a file that was being written belongs to nobody."""


@dataclass(frozen=True)
class Finished:
    """row: of results.json, without ``paper`` and ``features``. scores: on test, by metric. metrics:
    ``Metric.told`` of each. resamples: what the scores' second axis is. reused: it was read from its file."""

    cell: Cell | EnsembleCell
    row: Mapping[str, Any]
    scores: Mapping[str, Scores]
    metrics: Mapping[str, Mapping[str, Any]]
    resamples: Resamples
    reused: bool = False


@dataclass(frozen=True)
class Absent:
    """A cell that cannot be trained. reason: a few words for the cell. error: the whole line."""

    cell: Cell | EnsembleCell
    reason: str
    error: AffectError

    def document(self) -> dict[str, Any]:
        """Ready for JSON."""
        about = {"head": self.cell.head, "name": self.cell.name, "settings": self.cell.settings}
        return {**about, "reason": self.reason, "error": str(self.error)}


def path_of(folder: Path, name: str) -> Path:
    """The file of the cell ``name`` in the run ``folder``."""
    return folder / "cells" / f"{name}.json"


def checkpoint_of(folder: Path, name: str) -> Path:
    """The checkpoint of the cell ``name`` in the run ``folder``."""
    return folder / f"{name}.safetensors"


def identity(bench: Bench, cell: Cell, seeds: int) -> dict[str, Any]:
    """All that a cell's numbers depend on, ready for JSON."""
    names = sorted({name.partition("/")[0] for name in cell.inputs})
    outside = plugins_of(cell, bench.protocol.kind)
    return {
        "head": cell.head,
        "settings": cell.settings,
        "seeds": seeds,
        "dataset": bench.task.dataset,
        "source": bench.manifest.source,
        "kind": bench.protocol.kind,
        "protocol": bench.task.protocol,
        "task": dict(bench.task.about),
        "people": fingerprint([digest(np.ascontiguousarray(part).tobytes()) for part in _people(bench.task)]),
        "features": {name: bench.features[name].fingerprint for name in names},
        "content": {name: _numbers(bench, name) for name in cell.inputs},
        "training": training_of(bench, cell),
        "files": {str(path): _digest(path) for path in cell.model.files_of(cell.recipe)},
        "code": code_version(
            cell.head,
            bench.protocol.kind,
            frozenset((module, one.digest) for module, one in outside.items()),
            metrics_of(cell, bench.protocol),
        ),
        "torch": torch.__version__,
        "device": bench.device.type,
        "threads": torch.get_num_threads(),
    }


def _digest(path: Path) -> str:
    return digest_files([path]) if path.is_file() else "absent"


def _people(task: Task) -> list[NDArray[np.generic]]:
    return [*task.targets.values(), *(getattr(task, part) for part in PARTS)]


def _numbers(bench: Bench, name: str) -> str:
    """Of an input's numbers themselves: ``make retry`` mends rows under the fingerprint that they had."""
    left, values = bench.split.stored.get(name), bench.split.tensors.get(name)
    told = left.told() if left else digest(values.cpu().numpy().tobytes()) if values is not None else ""
    return fingerprint([told, digest(bench.split.present[name].tobytes())])


def read(folder: Path, cell: Cell | EnsembleCell, wanted: Mapping[str, Any]) -> Finished | None:
    """The finished cell, or None when it is not there, is of another identity than ``wanted``, or is damaged, which is
    logged."""
    path = path_of(folder, cell.name)
    if not path.exists():
        return None
    try:
        content = _content(path)
        if content["identity"] != wanted or content["row"]["name"] != cell.name:
            return None
        _check_checkpoint(checkpoint_of(folder, cell.name), content["checkpoint"])
    except StoreError as error:
        _LOG.warning("%s. Row %s is trained again", str(error).removesuffix(". Train again"), cell.name)
        return None
    return Finished(cell, content["row"], _scores(content), content["metrics"], Resamples(content["resamples"]), True)


def twin(folders: Sequence[Path], cell: Cell, wanted: Mapping[str, Any]) -> Twin | None:
    """The finished cell of the same name in one of ``folders`` whose training is that of the identity ``wanted``."""
    for folder in folders:
        with suppress(StoreError):
            content = _content(path_of(folder, cell.name))
            if content["row"]["parameters"] and _trained(content["identity"]) == _trained(wanted):
                file = checkpoint_of(folder, cell.name)
                _check_checkpoint(file, content["checkpoint"])
                return Twin(content["row"].get("trained_for") or content["identity"]["protocol"], content["row"], file)
    return None


def _trained(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in identity.items() if key not in _BEYOND_TRAINING}


def check_whole(folder: Path, name: str) -> None:
    """Raises: StoreError unless the row ``name`` of the run is finished, and its checkpoint that very one."""
    _check_checkpoint(checkpoint_of(folder, name), _content(path_of(folder, name))["checkpoint"])


def _content(path: Path) -> Any:
    """Raises: StoreError when it is not JSON, not a finished cell, or not as it was written."""
    content = read_json(path)
    cell_document.check(content, path)
    return content


def _check_checkpoint(path: Path, wanted: Mapping[str, Any]) -> None:
    """Raises: StoreError when it is not the file that was written: by its size first, which costs nothing."""
    if not path.is_file():
        raise StoreError(f"{path}: no such file")
    if (size := path.stat().st_size) != wanted["bytes"]:
        raise StoreError(f"{path}: has {size} bytes, {wanted['bytes']} were written")
    if digest_files([path]) != wanted["digest"]:
        raise StoreError(f"{path}: is not the one that was written")


def write(folder: Path, done: Finished, about: Mapping[str, Any]) -> None:
    """At once, after the checkpoint. Raises: StoreError when the folder cannot be written."""
    file = checkpoint_of(folder, done.cell.name)
    content: dict[str, Any] = {
        "identity": about,
        "row": done.row,
        "resamples": str(done.resamples),
        "metrics": {name: dict(told) for name, told in done.metrics.items()},
        "scores": {
            name: {"seeds": one.seeds.tolist(), "resampled": one.resampled.tolist()}
            for name, one in done.scores.items()
        },
        "checkpoint": {"bytes": file.stat().st_size, "digest": digest_files([file])},
    }
    content["digest"] = cell_document.digest_of(content)
    path = path_of(folder, done.cell.name)
    make_folder(path.parent)
    replace_text(path, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")


def compare(runs: Path, first: str, second: str) -> dict[str, dict[str, Any]]:
    """Metric -> ``first`` minus ``second``, two rows of finished runs as ``<run>/<row>``, paired by seed and resample,
    with ``Metric.told``.

    Untrained features of either are logged. Raises: StoreError when one is not there or is damaged; ConfigError when
    they were not scored on the same people and resamples.
    """
    one, other = (_found(runs, word) for word in (first, second))
    for key in ("dataset", "source", "protocol", "seeds"):
        _check_same(key, one["identity"][key], other["identity"][key], first, second)
    known, asked = one["identity"]["task"], other["identity"]["task"]
    for key in known | asked:
        _check_same(key, known.get(key), asked.get(key), first, second)
    mine, theirs = one["row"]["scored_on"], other["row"]["scored_on"]
    for key in mine | theirs if mine.get("people") == theirs.get("people") else ():
        _check_same(key, mine.get(key), theirs.get(key), first, second)
    if reason := unpaired(one["row"], other["row"]):
        raise ConfigError(f"{first} and {second}: {reason}. {_CURE}")
    if untrained := sorted({*one["row"]["untrained"], *other["row"]["untrained"]}):
        _LOG.warning("UNTRAINED features: %s. Numbers made from them are no results.", ", ".join(untrained))
    scores, others, told = _scores(one), _scores(other), one["metrics"]
    if not (shared := [name for name in scores if name in others]):
        raise ConfigError(f"{first} has {', '.join(scores)}, {second} has {', '.join(others)}: no metric in common")
    kind = Resamples(one["resamples"])
    found = {name: difference(scores[name], others[name], kind, told[name]["bounds"]) for name in shared}
    return {name: {**told[name], **apart} for name, apart in found.items() if apart}


def _found(runs: Path, word: str) -> Any:
    run, _, row = word.rpartition("/")
    path = path_of(runs / run, row)
    if not run or not path.is_file():
        there = [f"{run}/{one.stem}" for one in (runs / run / "cells").glob("*.json")] if run else []
        if there:
            raise StoreError(f"{path}: no such finished row.{nearest(word, there)}")
        folders = sorted({str(one.parent.parent.relative_to(runs)) for one in runs.glob("**/cells/*.json")})
        raise StoreError(f"{path}: no such finished row. Runs in {runs} are: {', '.join(folders) or 'none'}")
    return _content(path)


def _check_same(what: str, first: Any, second: Any, one: str, other: str) -> None:
    if first != second:
        raise ConfigError(f"{one} has {what} {first}, {other} has {what} {second}. {_CURE}")


def _scores(content: Mapping[str, Any]) -> dict[str, Scores]:
    return {
        name: Scores(np.array(one["seeds"], np.float64), np.array(one["resampled"], np.float64))
        for name, one in content["scores"].items()
    }


def forget(folder: Path, name: str) -> None:
    """Before a cell is trained: its checkpoint is about to be replaced. Raises: StoreError."""
    remove(path_of(folder, name))


def sweep(folder: Path) -> None:
    """Delete what killed runs left half written. Raises: StoreError."""
    for path in folder.rglob(f"{PARTIAL}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE:
                remove(path)
