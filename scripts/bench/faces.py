"""Our ``face`` beside what a user would call instead, facenet-pytorch's MTCNN: same photographs and settings, one run.

Both read the files, find the faces, cut each out and keep it with its box, landmarks and confidence: ours in a checked
shard, the other in one .npz. The other is called one photograph at a time, and with lists of photographs of one size,
which is all that its lists take; each with torch's own number of threads and with one. All are warm and take turns; in
each turn ours is compared with the quickest of these four. Then their results are compared: which faces there are in
which photograph, and our stored crops with what the other's landmarks would have given.

``--photos FOLDER``: photographs with faces, anywhere below it, at least a batch of 8 for each core, or one of ours is
idle. 18 of them took four minutes for three turns, on two cores that others used too.
Writes bench/faces.json.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cache.manifest import Manifest, Row
from cache.spec import Status
from cache.store import Store
from pipeline.decoding import boxes, images
from pipeline.networks.faces import MAX_SIDE, Detector, Faces
from pipeline.running.plan import Plan
from pipeline.running.runner import Running, Worker
from pipeline.stages.face import CROP, TEMPLATE
from scripts.bench.extract import CORES, plan_for, timed_run
from scripts.bench.heads_runs import Run, alternately, verdict
from scripts.bench.results import machine, record

SUFFIXES = (".jpg", ".jpeg", ".png")
LIST, TURNS, GOAL = 8, 9, 1.5
PIXELS, GREY = 0.05, 2
"""What our boxes and landmarks, and our crops, may differ by."""


class Photo(NamedTuple):
    """name: below the folder. image: upright, RGB. faces: what the other finds, boxes clipped to the image."""

    name: str
    image: Image.Image
    faces: Faces


def opened(path: Path) -> Image.Image:
    """As a user opens it, upright as ours."""
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except OSError as error:
        raise SystemExit(f"--photos: {path}: {error}. Leave it out") from None


def theirs(mtcnn: MTCNN, image: Image.Image) -> Faces:
    """The other's faces."""
    found, scores, points = mtcnn.detect(image, landmarks=True)
    if found is None:
        return Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
    inside = np.clip(found.astype(np.float32), 0, [*image.size, *image.size])
    return Faces(inside.astype(np.float32), points.astype(np.float32), scores.astype(np.float32))


def lists(photos: Sequence[Photo], length: int) -> list[list[str]]:
    """Names of photographs of one size, at most ``length`` together."""
    sizes: dict[tuple[int, int], list[str]] = {}
    for photo in photos:
        sizes.setdefault(photo.image.size, []).append(photo.name)
    return [names[at : at + length] for names in sizes.values() for at in range(0, len(names), length)]


def usual(mtcnn: MTCNN, root: Path, names: Sequence[Sequence[str]], threads: int, out: Path) -> None:
    """Files to crops, boxes, confidences and landmarks, list by list."""
    torch.set_num_threads(threads)
    kept: list[tuple[NDArray[Any], ...]] = []
    for some in names:
        opened_images = [opened(root / name) for name in some]
        found, scores, points = mtcnn.detect(opened_images, landmarks=True)
        crops = mtcnn.extract(opened_images, found, None)
        for one in zip(crops, found, scores, points, strict=True):
            if one[0] is not None:
                kept.append((one[0].numpy().astype(np.uint8), *(part.astype(np.float32) for part in one[1:])))
    crop, box, confidence, landmarks = (np.concatenate(column) for column in zip(*kept, strict=True))
    np.savez(out, crop=crop, box=box, confidence=confidence, landmarks=landmarks)


def ran(worker: Worker) -> None:
    """One extraction of ours."""
    timed_run(worker)


def detector_of(plan: Plan) -> Detector:
    """The one that the plan's stage has loaded."""
    stage: Any = plan.recipes["face"].stage
    detector: Detector = stage.detector
    return detector


def people(photos: Sequence[Photo]) -> Manifest:
    """A person for each face, in its box, as where boxes are faces; one in the whole photograph where none is."""
    rows = []
    for photo in photos:
        whole = np.array([[0, 0, *photo.image.size]], np.float32)
        for number, box in enumerate(photo.faces.boxes if len(photo.faces.boxes) else whole):
            x1, y1, x2, y2 = box.tolist()
            corners = (x1, y1, x2, y2)
            rows.append(Row(photo.name, number, "train", corners, corners, photo.image.size, ("a",)))
    return Manifest.from_rows(rows, dataset="bench", release="photos", category_names=("a",), source="bench")


def same_faces(photos: Sequence[Photo], detector: Detector) -> dict[str, Any]:
    """How many faces each finds, in how many photographs their numbers differ, and by how much the faces do."""
    differ, pixels, confidence = 0, [0.0], [0.0]
    searches = [detector.search(photo.image) for photo in photos]
    ours = detector.detect(searches)
    for photo, found in zip(photos, ours, strict=True):
        if len(found.boxes) != len(photo.faces.boxes):
            differ += 1
            continue
        order, other = (np.lexsort(faces.boxes.T) for faces in (found, photo.faces))
        for name, apart in (("boxes", pixels), ("landmarks", pixels), ("confidence", confidence)):
            gaps = np.abs(getattr(found, name)[order] - getattr(photo.faces, name)[other])
            apart.append(float(gaps.max(initial=0)))
    return {
        "faces": {"ours": sum(len(one.boxes) for one in ours), "theirs": sum(len(one.faces.boxes) for one in photos)},
        "photographs_whose_numbers_differ": differ,
        "greatest_difference": {"pixels": round(max(pixels), 5), "confidence": round(max(confidence), 7)},
    }


def same_crops(photos: Sequence[Photo], plan: Plan) -> int:
    """The greatest difference, in 0..255, of our stored crops from those that the other's landmarks give."""
    feature = Store(plan.features["face"].folder.parents[2]).features("bench")["face"]
    greatest = 0
    for photo in photos:
        keys = [f"{photo.name}#{number}" for number in range(len(photo.faces.boxes))]
        crops, status = feature.read("crop", keys)
        for crop, one, points in zip(crops, status, photo.faces.landmarks, strict=True):
            matrix = boxes.similarity(points, TEMPLATE)
            expected = images.warp(np.asarray(photo.image), matrix, (CROP, CROP), smooth=True)
            gap = np.abs(crop.astype(int) - expected).max() if one == Status.OK else 255
            greatest = max(greatest, int(gap))
    return greatest


def compare(root: Path, folder: Path, turns: int = TURNS) -> dict[str, Any]:
    """Rates, ratio and differences, of the photographs below ``root``; ``folder`` takes what is written."""
    mtcnn = MTCNN(keep_all=True, post_process=False, device="cpu")
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    photos = [Photo(name, image, theirs(mtcnn, image)) for name in names for image in (opened(root / name),)]
    if not any(len(photo.faces.boxes) for photo in photos):
        raise SystemExit(f"--photos {root}: {len(photos)} photographs, no face in them. Give some with faces")
    largest = max(MAX_SIDE, *(side for photo in photos for side in photo.image.size))
    plan = plan_for(folder, people(photos), {"face": {"max_side": largest}})
    with Worker(plan, Running(root, decoders=CORES)) as worker:
        worker.load({"face"})
        runs: dict[str, Run] = {"ours": lambda: ran(worker)}
        for kind, length in (("one_at_a_time", 1), ("lists_of_one_size", LIST)):
            for threads in (CORES, 1):
                called = partial(usual, mtcnn, root, lists(photos, length), threads, folder / "theirs.npz")
                runs[f"{kind}_{threads}_threads"] = called
        seconds = alternately(runs, turns)
        torch.set_num_threads(1)
        same = same_faces(photos, detector_of(plan))
    quickest = [min(turn) for turn in zip(*(seconds[name] for name in runs if name != "ours"), strict=True)]
    crops = same_crops(photos, plan)
    gap = same["greatest_difference"]["pixels"]
    return {
        "photographs": len(photos),
        "sizes": len({photo.image.size for photo in photos}),
        "turns": turns,
        "photographs_per_second": {name: round(len(photos) / min(row), 2) for name, row in seconds.items()},
        **verdict(quickest, seconds["ours"], GOAL),
        **same,
        "greatest_difference_of_crops_in_0_to_255": crops,
        "same": not same["photographs_whose_numbers_differ"] and gap <= PIXELS and crops <= GREY,
    }


def main() -> None:
    """The comparison, what is written in a temporary folder."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.faces", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs with faces")
    parser.add_argument("--turns", type=int, default=TURNS, help="rounds that count")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        result = compare(options.photos, Path(name), options.turns)
    record("faces", result | {"cores": CORES} | machine())


if __name__ == "__main__":
    main()
