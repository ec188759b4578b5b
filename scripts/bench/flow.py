"""Optical flow: milliseconds a pair at 340 x 256 and end-point errors on known motions, of each method, in one run.

Times are of a call with one pair on one core, and per pair where two threads have one each. ``--contrib FOLDER``, of an
opencv-contrib-python that pip put there (``pip install --no-deps --target FOLDER opencv-contrib-python-headless``),
puts its TV-L1 beside ours: in a process of its own, since the package brings a cv2 of its own, with its own threads and
with one pair a thread, of which the quicker counts on two cores. ``--skimage FOLDER`` (``pip install --no-deps --target
FOLDER scikit-image lazy_loader``) does so with scikit-image's. All take turns.
Networks are untrained here, so that only their time is told.
Writes bench/flow.json.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.networks.flow.methods import METHODS, Flow, build
from pipeline.weights.folder import Weights
from scripts.bench.flow_scenes import Scene, end_point_error, scenes
from scripts.bench.heads_runs import Run, alternately, verdict
from scripts.bench.results import machine, record

CORES, ROUNDS, GOAL = 2, 5, 3.0
UNTRAINED = ("raft_small", "raft_large")
CONTRIB, SKIMAGE = "opencv_contrib_tvl1", "scikit_image_tvl1"


class Other:
    """A library in a process of its own, which answers lines: see ``flow_others.py``."""

    def __init__(self, name: str, folder: Path, known: Mapping[str, Scene]) -> None:
        self.frames = tempfile.NamedTemporaryFile(suffix=".npz")  # noqa: SIM115 (as long as the process)
        np.savez(self.frames.name, first=_grey(known, "first"), second=_grey(known, "second"))
        command = [sys.executable, "-m", "scripts.bench.flow_others", name, str(folder), self.frames.name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.ask("version")

    def ask(self, *words: str) -> str:
        """Raises: SystemExit when it has ended."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        if not (line := self.process.stdout.readline()):
            raise SystemExit(f"{self.process.args!r} ended: see above")
        return line.strip()

    def runs(self, name: str) -> dict[str, Run]:
        """By the name of the way it is called."""
        ways = ("one", "threads", "both") if name == CONTRIB else ("one", "both")
        return {f"{name}/{way}": lambda way=way: self.ask("run", way) for way in ways}  # type: ignore[misc]

    def errors(self, known: Mapping[str, Scene]) -> dict[str, float]:
        """By motion."""
        path = Path(self.ask("flow"))
        with np.load(path) as found:
            errors = _errors(found["flow"], known)
        path.unlink()
        return errors


def _grey(known: Mapping[str, Scene], side: str) -> Any:
    return np.stack([getattr(scene, side)[..., 0] for scene in known.values()])


def _errors(fields: Any, known: Mapping[str, Scene]) -> dict[str, float]:
    pairs = zip(fields, known.items(), strict=True)
    return {name: round(end_point_error(found, scene), 4) for found, (name, scene) in pairs}


def runs_of(name: str, flow: Flow, known: Mapping[str, Scene], pool: ThreadPoolExecutor) -> dict[str, Run]:
    """A pair on one core, and one on each of two at the same time; the rotation, and with it the zoom."""
    pairs = [(known[motion].first[None], known[motion].second[None]) for motion in ("rotation", "zoom")]

    def both() -> None:
        list(pool.map(lambda pair: flow(*pair), pairs))

    return {f"{name}/one": lambda: _ignored(flow(*pairs[0])), f"{name}/both": both}


def _ignored(_: Any) -> None:
    """A run gives nothing."""


def compare(others: Mapping[str, Other], rounds: int) -> dict[str, Any]:
    """Times, errors and ratios."""
    torch.set_num_threads(1)
    import cv2

    cv2.setNumThreads(1)
    known, weights = scenes(), Weights(Path("nowhere"), untrained=True)
    flows: dict[str, Flow] = {name: build(name, "cpu", weights) for name in METHODS}
    with ThreadPoolExecutor(CORES) as pool:
        runs: dict[str, Run] = {}
        for name, flow in flows.items():
            if name != "raft_large":  # ten times the small one's seconds
                runs |= runs_of(name, flow, known, pool)
        for name, other in others.items():
            runs |= other.runs(name)
        seconds = alternately(runs, rounds)
    errors = {
        name: _errors(np.concatenate([flow(scene.first[None], scene.second[None]) for scene in known.values()]), known)
        for name, flow in flows.items()
        if name not in UNTRAINED
    } | {name: other.errors(known) for name, other in others.items()}
    pairs = {"one": 1, "threads": 1, "both": 2}
    per_pair = {name: [one / pairs[name.partition("/")[2]] for one in row] for name, row in seconds.items()}
    return {
        "rounds": rounds,
        "milliseconds_a_pair": _table(per_pair),
        "end_point_error": errors,
        **{f"tvl1_over_{name}": _ratios(name, per_pair) for name in others},
    }


def _table(per_pair: Mapping[str, list[float]]) -> dict[str, Any]:
    """Median and least, by method and by the way it is called."""
    words = {"one": "one_core", "threads": "two_cores_own_threads", "both": "two_cores_a_pair_each"}
    out: dict[str, Any] = {}
    for name, row in per_pair.items():
        method, _, way = name.partition("/")
        told = {"median": round(1e3 * statistics.median(row), 2), "min": round(1e3 * min(row), 2)}
        out.setdefault(method, {})[words[way]] = told
    return out


def _ratios(name: str, per_pair: Mapping[str, list[float]]) -> dict[str, Any]:
    """Of two cores, against the quicker way of the other's; and of one."""
    ways = [row for key, row in per_pair.items() if key in (f"{name}/threads", f"{name}/both")]
    quicker = [min(turn) for turn in zip(*ways, strict=True)]
    one = verdict(per_pair[f"{name}/one"], per_pair["tvl1/one"], GOAL)
    return {"two_cores": verdict(quicker, per_pair["tvl1/both"], GOAL), "one_core": one}


def main() -> None:
    """The comparison."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.flow", description=__doc__)
    parser.add_argument("--contrib", type=Path, help="a folder with opencv-contrib-python's cv2")
    parser.add_argument("--skimage", type=Path, help="a folder with scikit-image")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds that count")
    options = parser.parse_args()
    folders = {CONTRIB: options.contrib, SKIMAGE: options.skimage}
    known = scenes()
    others = {name: Other(name, folder, known) for name, folder in folders.items() if folder}
    left_out = [name for name, folder in folders.items() if not folder]
    result = compare(others, options.rounds)
    versions = {name: other.version for name, other in others.items()}
    record("flow", result | {"versions": versions, "left_out": left_out, "cores": CORES} | machine())


if __name__ == "__main__":
    main()
