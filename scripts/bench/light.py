"""The light set (CONFIG=light) with all of its stages, on photographs of people: the runner's rate over that of the
bare networks, as ``scripts.bench.extract`` compares them; and each stage beside it alone, on rows that are there.

``--photos FOLDER``: photographs of people, since nobody is found in drawn ones. Each is taken several times, with one
person: the largest that ``make predict`` finds in it. ``--weights``: the folder that make weights CONFIG=light filled;
for the stages beside the set (mask, hands, face_mesh) it needs theirs too, or they are left out and named.
The goal of the whole set is against the sum of the bare forwards, each on all cores; ``ratio``, against another network
on each core, is stricter. Writes "light" and the stages' rates into bench/extract.json (five minutes on two cores).
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from cache.config import load as load_config
from cache.errors import AffectError
from cache.manifest import Manifest, Row
from cache.plugins import configs
from pipeline.decoding.images import decode
from pipeline.running.recipes import DatasetConfig
from pipeline.running.runner import Running, Worker
from pipeline.weights.folder import Weights
from scripts.bench.extract import CORES, compare, plan_for, timed_run
from scripts.bench.results import FOLDER, machine, record
from scripts.prediction.bodies import ByBodies
from scripts.prediction.people import images

IMAGES, TURNS, GOAL, RATE = 96, 3, 0.9, 8.0
"""IMAGES: of 32, which take five seconds, a fifth is the beginning and the end of the run, where cores wait for a last
batch; a dataset has thousands. RATE: images a second with all stages at one person an image, on two cores."""
Tables = dict[str, dict[str, Any]]
POSE: Tables = {"pose": {"model": "blazepose-full"}}
ALONE: dict[str, tuple[Tables, Tables]] = {
    "expression": ({"face": {}}, {"expression": {}}),
    "mask": ({}, {"mask": {}}),
    "hands": (POSE, {"hands": {}}),
    "face_mesh": ({"face": {}}, {"face_mesh": {}}),
}
"""A stage's sources, which are extracted before, and the stage itself: those that drawn photographs show nothing to, or
that have no untrained network."""


def people(photos: Path, root: Path, weights: Weights, count: int) -> Manifest:
    """Copies of the photographs in ``root``, ``count`` in all, with one person each."""
    finder, rows, known = ByBodies(weights, "cpu"), list[Row](), list[tuple[Path, tuple[int, int], Any]]()
    for path in images(photos):
        image = decode(path)
        boxes, _ = finder.find(path, image)
        if len(boxes):
            largest = boxes[(boxes[:, 2:] - boxes[:, :2]).prod(1).argmax()]
            known.append((path, image.size, tuple(largest.tolist())))
    if not known:
        raise SystemExit(f"--photos {photos}: nobody is found in them. Give photographs of people")
    root.mkdir()
    for number in range(count):
        path, size, box = known[number % len(known)]
        name = f"{number:03d}{path.suffix}"
        shutil.copyfile(path, root / name)
        rows.append(Row(name, 0, "train", box, box, size, ("a",)))
    return Manifest.from_rows(rows, dataset="bench", release="photos", category_names=("a",), source="bench")


def alone(folder: Path, root: Path, manifest: Manifest, stage: str, weights: Weights, turns: int) -> dict[str, Any]:
    """The rates of a stage whose sources are extracted."""
    sources, own = ALONE[stage]
    if sources:
        before = plan_for(folder, manifest, sources, stage, weights)
        with Worker(before, Running(root, decoders=CORES)) as worker:
            worker.load(sources)
            timed_run(worker)
    return compare(plan_for(folder, manifest, sources | own, stage, weights), root, manifest, turns, 0.85)


def measure(photos: Path, weights: Weights, count: int, turns: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the whole set, and of each stage of ALONE by its name. Raises: AffectError."""
    tables: Tables = load_config(configs("pipeline")["light"], DatasetConfig).stages
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), Path(name) / "images"
        manifest = people(photos, root, weights, count)
        whole = compare(plan_for(folder, manifest, tables, "light", weights), root, manifest, turns, GOAL)
        rate = {
            "met": whole["over_sum_of_forwards"] >= GOAL,
            "goal_images_per_second": RATE,
            "rate_met": whole["runner_images_per_second"] >= RATE,
        }
        stages = {}
        for stage in ALONE:
            try:
                stages[stage] = alone(folder, root, manifest, stage, weights, turns)
            except AffectError as error:
                print(f"{stage} is left out: {error}")
    return whole | rate | {"people_per_image": 1}, stages


def main() -> None:
    """Measure, and write beside what ``scripts.bench.extract`` wrote."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.light", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs of people")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of the networks' files (weights)")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"how many are extracted ({IMAGES})")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"rounds that count ({TURNS})")
    options = parser.parse_args()
    try:
        light, stages = measure(options.photos, Weights(options.weights), options.images, options.turns)
    except AffectError as error:
        raise SystemExit(f"error: {error}") from None
    kept = json.loads((FOLDER / "extract.json").read_text())
    record("extract", kept | {"stages": kept["stages"] | stages, "light": light | {"cores": CORES} | machine()})


if __name__ == "__main__":
    main()
