"""Write a demo dataset of clips to disk in BoLD's layout, all of it or nothing."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.clips import causes
from pipeline.demo.clips.plan import RATE, SIZE, ClipPlan, PersonPlan, plan_clips
from pipeline.demo.clips.render import figures, render
from pipeline.demo.clips.track import track
from pipeline.demo.folder import make_whole

CAUSES: Final = "causes.csv"
"""A line a person: video, person, and the values of the three causes."""
BATCH: Final = 25
"""Clips that one process paints at a time."""
# Without x264's mbtree, whose bytes differ from run to run even in one thread; with the B-frames that most clips have.
_CODEC: Final = {"preset": "superfast", "mbtree": "0", "bf": "2", "crf": "26", "g": "24", "threads": "1"}


def write_clips(root: Path, clips: int, seed: int = 0, processes: int | None = None) -> None:
    """Write `clips` clips to `root`: made beside it and renamed, so `root` is whole or absent.

    As BoLD: videos/<folder>/<film>/<clip>.mp4, joints/ with the same paths as .npy, annotations/{train,val}.csv without
    header, and test_meta.csv without labels; beside them CAUSES, what was drawn. Same arguments, same bytes. Six clips
    at least are in all three splits. processes: by default one a core.
    Raises: DataError when `root` is there and not empty.
    """
    plans = plan_clips(clips, seed)
    wanted = len(os.sched_getaffinity(0)) if processes is None else processes
    make_whole(root, lambda folder: _fill(folder, plans, min(wanted, -(-len(plans) // BATCH))))


def write_clip(folder: Path, plan: ClipPlan) -> None:
    """One clip's video and joints below the folder of a dataset."""
    video, joints = folder / "videos" / plan.path, (folder / "joints" / plan.path).with_suffix(".npy")
    for path in (video, joints):
        path.parent.mkdir(parents=True, exist_ok=True)
    people = figures(plan)
    encode(video, render(plan, people))
    np.save(joints, track(plan, people))


def encode(path: Path, frames: Iterable[NDArray[np.uint8]]) -> None:
    """(h, w, 3) uint8 RGB frames as H.264 in an MP4."""
    with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options=_CODEC)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())


def _fill(folder: Path, plans: list[ClipPlan], processes: int) -> None:
    _annotations(folder / "annotations", plans)
    _causes(folder / CAUSES, plans)
    batches = [plans[start : start + BATCH] for start in range(0, len(plans), BATCH)]
    if processes < 2:
        for batch in batches:
            _write_batch(folder, batch)
        return
    # Not forked: whoever calls may have threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_write_batch, folder, batch) for batch in batches]:
            done.result()


def _write_batch(folder: Path, plans: list[ClipPlan]) -> None:
    for plan in plans:
        write_clip(folder, plan)


def _annotations(folder: Path, plans: list[ClipPlan]) -> None:
    folder.mkdir(parents=True)
    for split, name in (("train", "train.csv"), ("val", "val.csv"), ("test", "test_meta.csv")):
        with (folder / name).open("w", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            for plan in plans:
                for number, person in enumerate(plan.persons) if plan.split == split else ():
                    lines.writerow([plan.path, number, *person.span, *(() if split == "test" else _labels(person))])


def _causes(path: Path, plans: list[ClipPlan]) -> None:
    with path.open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["video", "person", *causes.CAUSES])
        for plan in plans:
            for number, person in enumerate(plan.persons):
                shown = [values[getattr(person, cause)] for cause, values in causes.VALUES.items()]
                lines.writerow([plan.path, number, *shown])


def _labels(person: PersonPlan) -> list[str | float]:
    shares = [round(value, 4) for value in person.confidences]
    return [*shares, *person.vad, person.gender, person.age, "Unknown", 1.0]
