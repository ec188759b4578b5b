"""Each stage with a network beside its network's own project: same weights, same photographs, both in this process.

Weights are drawn from a seed and written as a checkpoint in its published form, which both load (the face detector's
are trained: its package holds them). On up to 4 photographs the outputs are compared, each with a tolerance and
its reason; key points and boxes must agree within half a pixel. Then the rates: files to results, the same list of
copies of the photographs, on the same cores. The rival runs as its users run it, one photograph at a time by its own
API, with as many threads as there are cores or with one, whichever is quicker in a trial before (on a busy machine,
threads that wait for each other cost more than they give); ours is the runner, which also writes a checked shard.
They take turns, round by round; told is the median of the rounds' ratios, and the goal is 1.3. ``arithmetic``: the
products of a photograph, and the ``most`` that the ratio could be if ours did nothing else, on all cores, at the rate
of a convolution that suits them. Where something was set in the rival to make the work the same, it stands in
``deviations``; ``as_published`` is its rate with nothing set.

``--photos FOLDER``: photographs of people (a person's box is made of each face found, else of the whole photograph).
Writes bench/reference.json, about eleven minutes on two quiet cores, entry by entry with the machine beside each, and
the table in docs/reference.md. Words are names of entries: only these are measured, what else the file holds is kept.
``--table`` only writes the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from cache.manifest import Manifest, Row
from pipeline.decoding import boxes
from pipeline.decoding.images import decode
from pipeline.networks.faces import Detector
from pipeline.running.plan import Plan
from pipeline.running.runner import Running, Worker
from pipeline.stage import Photo
from pipeline.weights.folder import Weights
from scripts.bench.extract import CORES, plan_for, timed_run
from scripts.bench.faces import SUFFIXES
from scripts.bench.heads_runs import Run, alternately, verdict
from scripts.bench.references.case import Photograph, Reference, compare, quiet
from scripts.bench.references.table import TABLE, rewritten
from scripts.bench.results import FOLDER, machine

ROUNDS, GOAL, MOST = 3, 1.3, 4
CONVOLUTIONS, CONVOLUTION = 50, 2 * 4 * 28**2 * 256**2 * 9 / 1e9
"""How many, and the GFLOP of one."""
NOT_COMPARED = {
    "expression": "fer needs TensorFlow, which is not among the dependencies: tests compare its preprocessing and "
    "network, written down anew",
    "pose (blazepose-full), mask, hands, face_mesh": "their project's path in Python is mediapipe, which brings a "
    "runtime of its own and is not among the dependencies; the networks are its own files, run as they are",
    "flow": "bench/flow.json compares its networks with torchvision's, and rates",
}
Builder = Callable[[Path], Reference]


def builders() -> dict[str, Builder]:
    """By the name of the entry; what each needs is imported here."""
    with quiet():
        from scripts.bench.references import classifiers, depths, detectors, facenet, mmpose, mmseg, scenes
    return {
        "sem2vec": mmseg.sem2vec,
        "pose": mmpose.pose,
        "pose_wholebody": lambda folder: replace(mmpose.pose(folder, "dwpose-m"), published=None),
        "face": facenet.face,
        "backbone_torchvision": classifiers.of_torchvision,
        "backbone_clip": lambda folder: classifiers.of_timm(folder, "vit_base_patch32_clip_quickgelu_224.openai"),
        "backbone_dinov2": lambda folder: classifiers.of_timm(folder, "vit_small_patch14_dinov2.lvd142m"),
        "backbone_faces": facenet.embedding,
        "scene": scenes.scene,
        "depth": depths.depth,
        "objects": detectors.objects,
        "hrnet_maps": classifiers.hrnet_maps,
    }


def photographs(folder: Path) -> list[Photograph]:
    """The first MOST of ``folder`` with their people. Raises: ValueError when there is none, or one cannot be read."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:MOST]
    if not paths:
        raise ValueError(f"{folder}: no photograph ({', '.join(SUFFIXES)}) in it. Give a folder of some")
    finder = Detector()
    finder.load("cpu", Weights(folder))
    made = []
    for path in paths:
        image = decode(path)
        (found,) = finder.detect([finder.search(image)])
        people = [np.trunc(boxes.body_region(face, *image.size)).tolist() for face in found.boxes]
        made.append(Photograph(path, image, np.array(people or [(0, 0, *image.size)], np.float32)))
    return made


def copies(known: Sequence[Photograph], root: Path, count: int) -> list[Photograph]:
    """``count`` files in ``root``, each photograph in its turn."""
    root.mkdir()
    made = []
    for number in range(count):
        one = known[number % len(known)]
        path = root / f"{number:03d}{one.path.suffix.lower()}"
        shutil.copy(one.path, path)
        made.append(one._replace(path=path))
    return made


def manifest(photos: Sequence[Photograph]) -> Manifest:
    """Everybody in ``photos``."""
    rows = [
        Row(photo.path.name, number, "train", corners, corners, photo.image.size, ("a",))
        for photo in photos
        for number, box in enumerate(photo.boxes.tolist())
        for corners in (tuple(box),)
    ]
    return Manifest.from_rows(rows, dataset="bench", release="photos", category_names=("a",), source="bench")


def smaller_batches(plan: Plan, photos: Sequence[Photograph]) -> None:
    """Three batches for each core at least, so that one is read while another is computed, as in any longer run; what a
    row holds does not hang on it."""
    for recipe in plan.recipes.values():
        items = sum(len(recipe.stage.prepare(_shown(photo))) for photo in photos)
        recipe.stage.batch_size = max(1, min(recipe.stage.batch_size, -(-items // (3 * CORES))))


def _shown(photo: Photograph) -> Photo:
    return Photo(photo.path.name, photo.image, photo.boxes)


def rates(one: Reference, known: Sequence[Photograph], folder: Path) -> dict[str, Any]:
    """Photographs a second of ours and of the rival, round by round, and the ratio."""
    photos = copies(known, folder / "photos", one.timed)
    plan = plan_for(folder, manifest(photos), {"one": dict(one.table)}, weights=one.weights)

    with Worker(plan, Running(folder / "photos", decoders=CORES)) as worker, quiet():
        worker.load({"one"})
        smaller_batches(plan, photos)
        threads = quicker_threads(one, photos)
        runs: dict[str, Run] = {"ours": lambda: _ran(worker), "theirs": rival(one.theirs, photos, threads)}
        if one.published:
            runs["as_published"] = rival(one.published, photos, threads)
        with ThreadPoolExecutor(CORES) as pool:
            seconds = alternately(runs | {"convolutions": lambda: convolutions(pool)}, ROUNDS)
    work = gflop(one, photos)
    rate = CORES * CONVOLUTIONS * CONVOLUTION / statistics.median(seconds.pop("convolutions"))
    told: dict[str, Any] = {"photographs_timed": len(photos), "people": sum(len(photo.boxes) for photo in photos)}
    told |= {"rounds": ROUNDS, "their_threads": threads}
    told["photographs_per_second"] = {
        name: round(len(photos) / statistics.median(row), 2) for name, row in seconds.items()
    }
    told |= verdict(seconds["theirs"], seconds["ours"], GOAL)
    most = rate / work * statistics.median(seconds["theirs"]) / len(photos)
    told["arithmetic"] = {
        "gflop_per_photograph": round(work, 1),
        "gflop_per_second": round(rate, 1),
        "most": round(most, 2),
    }
    if one.published:
        told["as_published"] = verdict(seconds["as_published"], seconds["ours"], GOAL)
    return told


def gflop(one: Reference, photos: Sequence[Photograph]) -> float:
    """Of a photograph, in products and convolutions, by torch's own counter while the rival runs; attention is written
    out for it, which knows no kernel of a CPU's."""
    some = photos[:MOST]
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        for photo in some:
            one.theirs(photo)
    return float(counted.get_total_flops()) / 1e9 / len(some)


def convolutions(pool: ThreadPoolExecutor) -> None:
    """CONVOLUTIONS on every core, of a size that suits it, so that their rate is what a network's could be at most."""
    torch.set_num_threads(1)
    x = torch.randn(4, 256, 28, 28).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(256, 256, 3, 3).contiguous(memory_format=torch.channels_last)

    def run(_: int) -> None:
        with torch.inference_mode():
            for _ in range(CONVOLUTIONS):
                conv2d(x, weight, padding=1)

    list(pool.map(run, range(CORES)))


def rival(called: Callable[[Photograph], Any], photos: Sequence[Photograph], threads: int) -> Run:
    """One photograph after the other."""

    def run() -> None:
        torch.set_num_threads(threads)
        for photo in photos:
            called(photo)

    return run


def quicker_threads(one: Reference, photos: Sequence[Photograph]) -> int:
    """How many threads suit the rival now, as many as cores or one; the first photographs are the trial."""
    some = photos[: max(1, len(photos) // 4)]
    counts = (CORES, 1)
    seconds = alternately({str(count): rival(one.theirs, some, count) for count in counts}, 1)
    return min(counts, key=lambda count: seconds[str(count)][0])


def _ran(worker: Worker) -> None:
    timed_run(worker)


def measured(build: Builder, known: Sequence[Photograph]) -> dict[str, Any]:
    """One entry of the file."""
    with tempfile.TemporaryDirectory() as name, quiet():
        folder = Path(name)
        one = build(folder)
        torch.set_num_threads(CORES)
        greatest = compare(one, known)
        differences = {
            limit: {"greatest": float(f"{greatest[limit]:.3g}")} | one.limits[limit]._asdict() for limit in one.limits
        }
        return {
            "rival": one.rival,
            "settings": {name: value for name, value in one.table.items() if name != "stage"},
            "photographs_compared": len(known),
            "differences": differences,
            "equal": all(greatest[limit] <= one.limits[limit].tolerance for limit in one.limits),
            "deviations": list(one.deviations),
            **rates(one, known, folder),
        }


def written(result: Mapping[str, Any]) -> None:
    """The table of ``result`` into its page."""
    TABLE.write_text(rewritten(TABLE.read_text(encoding="utf-8"), result), encoding="utf-8")


def main() -> None:
    """Everything, or the entries named."""
    path, known = FOLDER / "reference.json", builders()
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.reference", description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder of photographs of people")
    parser.add_argument("--table", action="store_true", help="only write the table in docs/reference.md")
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(known)}; all when none is named")
    options = parser.parse_args()
    if options.table:
        written(json.loads(path.read_text(encoding="utf-8")))
        return
    if unknown := set(options.stages) - known.keys():
        parser.error(f"no entry {', '.join(sorted(unknown))}. Known: {', '.join(known)}")
    if not options.photos:
        parser.error("--photos is missing: a folder of photographs of people")
    try:
        photos = photographs(options.photos)
    except ValueError as error:
        parser.error(f"--photos {error}")
    whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"stages": {}}
    whole["not_compared"] = NOT_COMPARED
    for name in options.stages or known:
        before = os.getloadavg()[0]
        entry = measured(known[name], photos)
        load = {"start": round(before, 2), "end": round(os.getloadavg()[0], 2), "benchmark_itself": CORES}
        whole["stages"][name] = entry | {"load": load} | machine()
        whole["stages"] = {one: whole["stages"][one] for one in known if one in whole["stages"]}
        path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        print(f"{name}: {json.dumps(entry)}", flush=True)
    written(whole)


if __name__ == "__main__":
    main()
