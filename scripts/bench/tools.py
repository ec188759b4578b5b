"""Our ``backbone`` beside the tools a user would take instead: same photographs, network and weights, in one run.

Ours writes a checked, resumable shard; the others write one .npy. All are warm (their networks loaded, the files
cached) and take turns; only extraction is timed. The usual loop is tried with and without worker processes, and with
channels_last, which its writers seldom set. thingsvision pins versions that exclude ours, so it runs in an environment
of its own: ``--thingsvision /path/to/python``, or this makes one from the registry (5 GB, removed afterwards). Ours in
bfloat16 is told beside it, and compared with nobody.
Writes bench/tools.json.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.models import resnet18

from cache.store import Store
from pipeline.running.plan import Plan
from pipeline.running.runner import Running, Worker
from scripts.bench.extract import BACKBONE, CORES, photographs, plan_for, timed_run
from scripts.bench.results import machine, record

RIVALS = Path(__file__).parent / "rivals"
IMAGES, TURNS, GOAL = 192, 5, 1.5
CHECKPOINT = "resnet18.pth"
OURS = {"image": BACKBONE["image"] | {"weights": f"file:{CHECKPOINT}"}}
HALF = {"image": OURS["image"] | {"precision": "bfloat16"}}


class Rival:
    """A program of rivals/ that waits for its turn."""

    def __init__(self, python: str, program: str, *words: str) -> None:
        command = [python, str(RIVALS / program), *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while self._answer() != "ready":
            pass  # whatever it prints while it loads

    def run(self) -> float:
        """Seconds of one extraction."""
        if self.process.stdin is None:
            raise RuntimeError("no way to talk to the process")
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _answer(self) -> str:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.poll()}")
        return line.strip()


def environment(folder: Path) -> str:
    """The Python of a new environment with thingsvision."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "thingsvision"], check=True)
    return python


def same_features(plan: Plan, theirs: Path) -> float:
    """The greatest difference between our stored features and the usual loop's, over their greatest value."""
    store = Store(plan.features["image"].folder.parents[2])
    keys = sorted(store.manifest("bench").images)
    ours, _ = store.features("bench")["image"].read("pooled", keys)
    other = np.load(theirs)
    return float(np.abs(ours.astype(np.float32) - other).max() / np.abs(other).max())


def compare(folder: Path, thingsvision: str) -> dict[str, Any]:
    """Seconds of every tool in every turn, and the ratio of the best of the others to ours."""
    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), folder / CHECKPOINT)
    manifest, photos = photographs(folder / "images", IMAGES), str(folder / "images")
    outs = {name: folder / name for name in ("loop", "loop_workers", "thingsvision")}
    for out in outs.values():
        out.mkdir()
    checkpoint = str(folder / CHECKPOINT)
    rivals = {
        "loop": Rival(sys.executable, "dataloader.py", photos, checkpoint, str(outs["loop"]), "0"),
        "loop_workers": Rival(sys.executable, "dataloader.py", photos, checkpoint, str(outs["loop_workers"]), "2"),
        "thingsvision": Rival(thingsvision, "with_thingsvision.py", photos, checkpoint, str(outs["thingsvision"])),
    }
    plan, half = plan_for(folder, manifest, OURS, "store"), plan_for(folder, manifest, HALF, "half")
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *rivals, "ours_bfloat16")}
    running = Running(folder / "images", decoders=CORES)
    try:
        with Worker(plan, running) as ours, Worker(half, running) as halved:
            for worker in (ours, halved):
                worker.load(OURS)
            for turn in range(TURNS + 1):
                times = {"ours": timed_run(ours)} | {name: rival.run() for name, rival in rivals.items()}
                times["ours_bfloat16"] = timed_run(halved)
                for name, time in times.items() if turn else ():
                    seconds[name].append(time)
    finally:
        for rival in rivals.values():
            rival.close()
    ratios = [min(row) / ours for ours, *row in zip(*(seconds[name] for name in ("ours", *rivals)), strict=True)]
    faster = [ours / halved for ours, halved in zip(seconds["ours"], seconds["ours_bfloat16"], strict=True)]
    return {
        "images": IMAGES,
        "turns": TURNS,
        "images_per_second": {name: round(IMAGES / statistics.median(row), 2) for name, row in seconds.items()},
        "greatest_relative_difference_from_the_loop": round(same_features(plan, outs["loop"] / "features.npy"), 5),
        "bfloat16": {
            "over_float32": round(statistics.median(faster), 3),
            "greatest_relative_difference_from_the_loop": round(same_features(half, outs["loop"] / "features.npy"), 5),
        },
        "ratio_to_the_better": round(statistics.median(ratios), 3),
        "ratios": [round(one, 3) for one in ratios],
        "goal": GOAL,
        "met": statistics.median(ratios) >= GOAL,
    }


def main() -> None:
    """The comparison in a temporary folder."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.tools", description=__doc__)
    parser.add_argument("--thingsvision", help="the Python of an environment that has it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        python = options.thingsvision or environment(Path(name) / "env")
        result = compare(Path(name), python)
        versions = subprocess.run(
            [python, "-m", "pip", "list", "--format", "freeze"], capture_output=True, text=True, check=True
        ).stdout.split()
        theirs = [
            one for one in versions if one.partition("==")[0] in ("thingsvision", "torch", "torchvision", "numpy")
        ]
        shutil.rmtree(Path(name) / "env", ignore_errors=True)
    record("tools", result | {"thingsvision_environment": theirs, "cores": os.cpu_count()} | machine())


if __name__ == "__main__":
    main()
