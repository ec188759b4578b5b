"""Features in memory against the rows that an extraction of the same images stored."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from toy_clips import FRAMES, LENGTH, SIZE, make_clips, run_clips
from toy_pipeline import CONFIG, Colour, Crop, Pixel, Twice, make_root, run

from cache.spec import Status
from cache.store import Store
from pipeline.decoding import tracks
from pipeline.decoding.images import decode
from pipeline.framed import Framed
from pipeline.running.clip_people import Sample
from pipeline.running.memory import Memory, derived
from pipeline.running.recipes import Recipe
from pipeline.stage import Extracted, Photo, Stage
from pipeline.weights.folder import Weights


def recipe(name: str, stage: Stage[Any]) -> Recipe:
    return Recipe(name, stage, Weights(Path("none")), "0" * 16, {})


def test_rows_are_those_of_the_store(tmp_path: Path) -> None:
    make_root(tmp_path / "data", images=6)
    run(tmp_path / "data", tmp_path / "store", CONFIG + "[stages.twice]\n")
    store = Store(tmp_path / "store")
    features, manifest = store.features("demo"), store.manifest("demo")
    stages = {"colour": Colour(Colour.Config()), "crop": Crop(Crop.Config(scale=2.0)), "twice": Twice(Twice.Config())}
    memory = Memory([recipe(name, stage) for name, stage in stages.items()])
    for image in ("2.png", "5.png"):
        rows = [row for row, name in enumerate(manifest.images) if name == image]
        found = memory.features(Photo(image, decode(tmp_path / "data" / image), manifest.boxes[rows]))
        keys = [manifest.keys[row] for row in rows]
        np.testing.assert_array_equal(found["colour"].arrays["mean"], features["colour"].read("mean", [image])[0])
        np.testing.assert_array_equal(found["crop"].arrays["sum"], features["crop"].read("sum", keys)[0])
        np.testing.assert_array_equal(found["twice"].arrays["twice"], features["twice"].read("twice", keys)[0])


def test_rows_of_clips_are_those_of_the_store(tmp_path: Path) -> None:
    """Of a clip whose people have tracks, one of whom is absent in a frame; derived ones, with and without pixels."""
    make_clips(tmp_path / "data", clips=5)
    run_clips(tmp_path / "data", tmp_path / "store", FRAMES + "[stages.twice]\n[stages.pixel]\n")
    store = Store(tmp_path / "store")
    features, manifest = store.features("demo"), store.manifest("demo")
    stages = (Colour(Colour.Config()), Crop(Crop.Config(scale=2.0)), Twice(Twice.Config()), Pixel(Pixel.Config()))
    names = {"colour": "mean", "crop": "sum", "twice": "twice", "pixel": "twice"}
    memory = Memory([recipe(name, Framed(stage, 4)) for name, stage in zip(names, stages, strict=True)])
    rows = [row for row, image in enumerate(manifest.images) if image == "4.mkv"]
    joints = tracks.load(tmp_path / "data" / "4.npy")[1]
    none = np.full(4, np.nan, np.float32)
    spans = [(int(first), int(last)) for first, last in manifest.spans[rows]]
    samples = [Sample(span, none, joints[int(manifest.persons[row])]) for span, row in zip(spans, rows, strict=True)]
    assert all(0 <= first <= last < LENGTH for first, last in spans)
    found = memory.clips(tmp_path / "data" / "4.mkv", samples, SIZE)
    for feature, array in names.items():
        for name in (array, "positions", "present"):
            stored = features[feature].of_people(name, np.array(rows))[0]
            np.testing.assert_array_equal(found[feature].arrays[name], stored, f"{feature}/{name}")
    assert found["crop"].arrays["present"].min() == 0


def test_a_row_that_the_source_lacks_stays_what_it_is() -> None:
    status = np.array([Status.OK, Status.NO_FACE, Status.OK], np.uint8)
    source = Extracted({"sum": np.array([1.0, np.nan, 3.0])}, status, ["", "nobody", ""])
    photo = Photo("a.png", Image.new("RGB", (4, 4)), np.zeros((3, 4), np.float32))
    found = derived(Twice(Twice.Config()), source, photo)
    np.testing.assert_array_equal(found.arrays["twice"][:, 0], [2.0, np.nan, 6.0])
    assert (found.status.tolist(), found.messages) == (status.tolist(), ["", "nobody", ""])
