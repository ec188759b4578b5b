"""Clips: the runner's rate over that of bare decoding and forwards, and over a loop that takes one video at a time.

Clips of 200 frames (BoLD's have 101 to 299), 340 x 256, H.264, one person each; body, context and whole frame through a
ResNet-18 of random weights on FRAMES frames each. Bare: the wanted frames decoded, one video a core at a time, then the
recorded calls of the networks replayed, one a core at a time; nothing is cropped, resized or written. The loop does
what tools for one feature at a time do: for each feature and each video it opens the file with OpenCV, decodes up to
the last wanted frame and keeps the wanted ones, crops, resizes, runs the network on them with all cores, and writes one
.npy; once with a frame a batch, which is video_features' default (it takes every frame, these only the wanted ones),
and once with all frames of a clip in a batch, where bare_over_loop_of_clips is the most that the runner could reach,
whose networks compute the same. All take turns in one process; medians are compared. Writes
bench/clips.json (five minutes on two cores).
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import interpolate
from torchvision.models import resnet18

from cache.manifest import Manifest, Row
from pipeline.decoding.video import frames
from pipeline.framed import positions
from pipeline.running.runner import Running, Worker
from pipeline.stage import IMAGENET_MEAN, IMAGENET_STD
from scripts.bench.extract import CORES, Call, plan_for, recorded, timed_run, timed_side_by_side, warm
from scripts.bench.results import machine, record

CLIPS, TURNS, LENGTH, FRAMES, SIZE = 32, 3, 200, 8, (340, 256)
GOAL, GOAL_LOOP = 0.85, 2.0
BOX = (90.0, 20.0, 230.0, 240.0)
STAGES: dict[str, dict[str, Any]] = {
    name: {"stage": "backbone", "model": "resnet18", "input": name, "size": [224, 224]}
    for name in ("body", "context", "image")
}
WANTED = positions((0, LENGTH - 1), FRAMES).tolist()


def films(root: Path, count: int) -> Manifest:
    """Write the clips: structure at every scale that drifts, and some grain."""
    root.mkdir(parents=True)
    for number in range(count):
        draw = np.random.default_rng(number)
        grain = draw.normal(0, 6, (4, *SIZE[::-1], 1)).astype(np.float32)
        coarse = cv2.resize(draw.integers(0, 255, (20, 26, 3), dtype=np.uint8), (SIZE[0] + LENGTH, SIZE[1] + LENGTH))
        with av.open(str(root / f"{number}.mp4"), "w") as file:
            stream = file.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
            for at in range(LENGTH):
                part = coarse[at : at + SIZE[1], at : at + SIZE[0]].astype(np.float32)
                grainy = np.clip(part + grain[at % 4], 0, 255).astype(np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(grainy, "rgb24")))
            file.mux(stream.encode())
    rows = [Row(f"{n}.mp4", 0, "train", BOX, BOX, SIZE, ("a",), span=(0, LENGTH - 1)) for n in range(count)]
    return Manifest.from_rows(rows, dataset="bench", release="drawn", category_names=("a",), source="bench")


def timed_decoding(paths: list[Path], pool: ThreadPoolExecutor) -> float:
    """Seconds of decoding the wanted frames of every clip, one clip a core."""
    started = time.perf_counter()
    list(pool.map(lambda path: sum(1 for _ in frames(path, WANTED)), paths))
    return time.perf_counter() - started


def opened(path: Path) -> list[NDArray[np.uint8]]:
    """The wanted frames, RGB, by OpenCV: every frame is decoded until the last one is there."""
    video, kept = cv2.VideoCapture(str(path)), list[NDArray[np.uint8]]()
    for number in range(WANTED[-1] + 1):
        if not video.grab():
            break
        if number in WANTED:
            kept.append(np.asarray(cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB), np.uint8))
    video.release()
    return kept


def seen(picture: NDArray[np.uint8], view: str) -> NDArray[np.uint8]:
    """The part that a feature is about."""
    left, top, right, bottom = map(int, BOX)
    if view == "body":
        return picture[top:bottom, left:right]
    if view == "context":
        picture = picture.copy()
        picture[top:bottom, left:right] = 0
    return picture


def timed_loop(paths: list[Path], network: nn.Module, out: Path, size: int) -> float:
    """Seconds of one feature after the other, one video after the other, ``size`` frames a batch, on all cores."""
    torch.set_num_threads(CORES)
    mean, std = (torch.tensor(one).view(1, 3, 1, 1) for one in (IMAGENET_MEAN, IMAGENET_STD))
    started = time.perf_counter()
    for view in STAGES:
        for path in paths:
            parts = np.stack([seen(picture, view) for picture in opened(path)])
            rows = []
            with torch.inference_mode():
                for some in torch.split(torch.from_numpy(parts).permute(0, 3, 1, 2), size):
                    batch = interpolate(some.float(), (224, 224), mode="bilinear", antialias=True)
                    rows.append(network((batch - mean) / std).numpy())
            np.save(out / f"{path.stem}_{view}.npy", np.concatenate(rows))
    return time.perf_counter() - started


def measure(count: int, turns: int) -> dict[str, Any]:
    """Rates of clips, and ours over the other two."""
    calls: list[Call] = []
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), Path(name) / "videos"
        plan = plan_for(folder, films(root, count), STAGES, frames=FRAMES)
        paths, loop = sorted(root.glob("*.mp4")), resnet18().eval()
        loop.fc = nn.Identity()
        with Worker(plan, Running(root, decoders=CORES)) as worker, ThreadPoolExecutor(CORES) as pool:
            worker.load(STAGES)
            with recorded(calls):
                timed_run(worker)
            warm(calls, pool)
            ways: dict[str, Callable[[], float]] = {
                "runner": lambda: timed_run(worker),
                "decoding": lambda: timed_decoding(paths, pool),
                "forwards": lambda: timed_side_by_side(calls, pool),
                "loop_of_frames": lambda: timed_loop(paths, loop, folder, 1),
                "loop_of_clips": lambda: timed_loop(paths, loop, folder, FRAMES),
            }
            times = [{name: way() for name, way in ways.items()} for _ in range(turns)]
    rows = [one | {"bare": one["decoding"] + one["forwards"]} for one in times]
    rates = {name: round(count / statistics.median(row[name] for row in rows), 2) for name in rows[0]}
    told = {"clips": count, "frames_of_each": FRAMES, "clips_per_second": rates}
    return told | {
        "over_bare": over("bare", rows, goal=GOAL),
        "over_loop_of_frames": over("loop_of_frames", rows, goal=GOAL_LOOP),
        "over_loop_of_clips": over("loop_of_clips", rows, goal=GOAL_LOOP),
        "bare_over_loop_of_clips": over("loop_of_clips", rows, way="bare"),
    }


def over(other: str, rows: list[dict[str, float]], way: str = "runner", goal: float | None = None) -> dict[str, Any]:
    """The rate of a way over another's."""
    ratios = [row[other] / row[way] for row in rows]
    middle = statistics.median(ratios)
    found = {"ratio": round(middle, 2), "all": [round(one, 2) for one in ratios]}
    return found if goal is None else found | {"goal": goal, "met": middle >= goal}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.clips", description=__doc__)
    parser.add_argument("--clips", type=int, default=CLIPS, help=f"how many ({CLIPS})")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"rounds that count ({TURNS})")
    options = parser.parse_args()
    record("clips", measure(options.clips, options.turns) | {"cores": CORES} | machine())


if __name__ == "__main__":
    main()
