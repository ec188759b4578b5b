"""What holds for every stage. A new file in pipeline/stages is found by itself; SMALL may give it quick settings, as
``SMALL`` of a file ``<stage>_case.py`` in tests/support does for one outside this project."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import small_tflite
from PIL import Image, ImageChops
from tried import tried

from cache.plugins import load, names
from cache.spec import FAILURES, ArraySpec, Granularity, Status
from pipeline.stage import Extracted, Failed, Photo, Stage
from pipeline.weights.catalogue import find
from pipeline.weights.folder import Weights
from scripts.prediction.draw import draw

SMALL: dict[str, list[dict[str, Any]]] = {
    "sem2vec": [{"model": "demo_hr8", "size": (64, 96)}],
    "backbone": [
        {"model": "shufflenet_v2_x0_5", "size": (64, 64)},
        {"model": "shufflenet_v2_x0_5", "size": (64, 64), "input": "body", "crop": "square", "flip": True},
        {"model": "resnet18", "size": (64, 64), "input": "context", "map": True},
        {"model": "inception_resnet_v1", "size": (96, 96), "input": "face"},
        {"model": "shufflenet_v2_x0_5", "size": (64, 96), "maps": "strides", "flip": True},
        {"model": "timm/resnet18", "size": (64, 64), "maps": "strides", "branches": ("c8", "c4"), "largest": (8, 4)},
        {"model": "shufflenet_v2_x0_5", "size": (64, 64), "input": "head"},
        {"model": "timm/test_vit", "map": True},
        {"model": "shufflenet_v2_x0_5", "size": (64, 64), "input": "depth"},
        {"model": "shufflenet_v2_x0_5", "size": (64, 64), "input": "context", "blank": "mask"},
    ],
    "depth": [{"size": 28}, {"size": 42, "aspect": "stretch"}],
    "flow": [
        {"model": "shufflenet_v2_x0_5", "size": (64, 64), "field": (48, 64), "length": 2, "keep": True},
        {"model": "shufflenet_v2_x0_5", "size": (64, 64), "field": (48, 64), "method": "farneback", "input": "context"},
    ],
    "hrnet_maps": [
        {"model": "hrnet_w18_small", "size": (64, 64)},
        {"model": "demo_hr8", "size": (64, 96), "branches": ("c4", "c16"), "largest": (8, 8), "compressed": False},
    ],
    "objects": [{"model": "fasterrcnn_mobilenet_v3_large_320_fpn", "min_size": 64, "max_size": 96}],
    "pose": [{"model": "rtmpose-t"}, {"model": "dwpose-t"}, {"model": "blazepose-full"}],
    "pose_vector": [{}, {"hands": "zero", "frame": "joints"}],
    "rgb_difference": [
        {"model": "shufflenet_v2_x0_5", "size": (64, 64), "input": "head"},
        {"model": "timm/test_vit", "input": "context"},
    ],
    "scene": [{"size": (64, 64)}],
}
BLAZEPOSE = {"model": "blazepose-full"}
SOURCES: dict[str, dict[str, Any]] = {"pose_vector": {"model": "dwpose-t"}, "hands": BLAZEPOSE}
"""Settings of the stage that a derived one is tried on, where not the default ones."""


def small(stage: str) -> list[dict[str, Any]]:
    """Settings that it is tried with."""
    if find_spec(f"{stage}_case"):
        found: list[dict[str, Any]] = import_module(f"{stage}_case").SMALL
        return found
    return SMALL.get(stage, [{}])


STAGES = [
    pytest.param((name, settings), id=f"{name}-{settings.get('input', '')}".rstrip("-"))
    for name in tried("pipeline.stages")
    for settings in small(name)
]


def photos(following: int = 0) -> list[Photo]:
    """Three images of two sizes with three, one and two persons, each with joints; the frames after it are moved."""
    rng = np.random.default_rng(7)
    out = []
    for index, (size, persons) in enumerate([((90, 60), 3), ((64, 80), 1), ((90, 60), 2)]):
        rough = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        image = Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC)
        low = rng.uniform(0, 0.4, (persons, 2))
        boxes = np.hstack([low, low + rng.uniform(0.3, 0.6, (persons, 2))]) * [*size, *size]
        frames = tuple(ImageChops.offset(image, 2 * after, after) for after in range(1, following + 1))
        joints = rng.uniform(0.2, 1, (persons, 18, 3)) * [*size, 1]
        out.append(Photo(f"{index}.jpg", image, boxes.astype(np.float32), frames, joints.astype(np.float32)))
    return out


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weights]:
    """Those that are bundled, small networks for those that are files, seeded ones elsewhere."""
    with small_tflite.in_place(tmp_path_factory.mktemp("weights"), untrained=True) as found:
        yield found


@pytest.fixture(scope="module", params=STAGES)
def stage(request: pytest.FixtureRequest, weights: Weights) -> Iterator[Stage[Any]]:
    """Loaded."""
    import torch

    name, settings = request.param
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    extractor = load("pipeline.stages", name, "Extractor")
    made: Stage[Any] = extractor(extractor.Config(**settings))
    made.load("cpu", weights)
    yield made
    torch.set_num_threads(threads)


def source_rows(stage: Stage[Any]) -> list[dict[str, Any]]:
    """Made-up rows of a derived stage's source, as many as ``photos`` has images or persons."""
    extractor = load("pipeline.stages", stage.source, "Extractor")
    name = type(stage).__module__.rpartition(".")[2]
    outputs = extractor(extractor.Config(**SOURCES.get(name, {}))).outputs
    if stage.temporal:
        outputs = of_clips(outputs, stage.frames)
    rng = np.random.default_rng(8)
    count = sum(expected_rows(stage, photo) for photo in photos())
    drawn = [{name: rng.uniform(0, 200, outputs[name].shape) for name in stage.reads} for _ in range(count)]
    return [{name: row[name].astype(outputs[name].dtype) for name in row} for row in drawn]


def of_clips(outputs: dict[str, ArraySpec], frames: int) -> dict[str, ArraySpec]:
    """Those of the same feature of a data set of clips."""
    beside = {"positions": ArraySpec((frames,), "int32", "frame"), "present": ArraySpec((frames,), "uint8", "1")}
    return {name: replace(spec, shape=(frames, *spec.shape)) for name, spec in outputs.items()} | beside


def expected_rows(stage: Stage[Any], photo: Photo) -> int:
    return 1 if stage.granularity is Granularity.IMAGE else len(photo.boxes)


def prepared(stage: Stage[Any]) -> list[Any]:
    if stage.sees:
        rows, items = source_rows(stage), []
        for photo in photos():
            items += stage.look(photo.image, rows[: len(photo.boxes)])
            rows = rows[len(photo.boxes) :]
        return items
    if stage.source:
        return [stage.derive(row) for row in source_rows(stage)]
    return [item for photo in photos(stage.following) for item in stage.prepare(photo)]


def assert_same(one: Extracted, other: Extracted, tolerance: float) -> None:
    np.testing.assert_array_equal(one.status, other.status)
    assert one.messages == other.messages
    for name, array in one.arrays.items():
        scale = np.nanmax(np.abs(array.astype(float)), initial=1.0)
        np.testing.assert_allclose(
            array.astype(float), other.arrays[name].astype(float), rtol=tolerance, atol=tolerance * scale, err_msg=name
        )


def parts(extracted: list[Extracted]) -> Extracted:
    arrays = {name: np.concatenate([one.arrays[name] for one in extracted]) for name in extracted[0].arrays}
    messages = [message for one in extracted for message in one.messages]
    return Extracted(arrays, np.concatenate([one.status for one in extracted]), messages)


def test_rows_are_as_declared(stage: Stage[Any]) -> None:
    rows = sum(expected_rows(stage, photo) for photo in photos())
    found = stage.extract(prepared(stage))
    assert set(found.arrays) == set(stage.outputs)
    for name, spec in stage.outputs.items():
        spec.validate(name, found.arrays[name], rows)
        assert spec.unit
    assert found.status.dtype == np.uint8
    assert len(found.status) == len(found.messages) == rows
    for status, message in zip(found.status, found.messages, strict=True):
        assert (message == "") == (status == Status.OK)
        assert status not in FAILURES


def test_items_are_one_for_each_unit(stage: Stage[Any]) -> None:
    if stage.source:
        assert stage.unit is stage.granularity
        assert stage.reads
        with pytest.raises(TypeError, match="takes rows of"):
            stage.prepare(photos()[0])
        assert not stage.sees or stage.look(photos()[0].image, []) == []
        return
    for photo in photos(stage.following):
        items = stage.prepare(photo)
        assert len(items) == (1 if stage.unit is Granularity.IMAGE else len(photo.boxes))
        assert len(stage.extract(items).status) == expected_rows(stage, photo)


def test_a_row_does_not_depend_on_its_batch_mates(stage: Stage[Any]) -> None:
    items = prepared(stage)
    tolerance = 1e-3 if "float16" in {spec.dtype for spec in stage.outputs.values()} else 1e-4
    together = stage.extract(items)
    assert_same(together, parts([stage.extract([item]) for item in items]), tolerance)
    assert_same(together, parts([stage.extract(items[:2]), stage.extract(items[2:])]), tolerance)


def test_twice_the_same(stage: Stage[Any]) -> None:
    assert_same(stage.extract(prepared(stage)), stage.extract(prepared(stage)), 0)


def test_loaded_again_the_same(stage: Stage[Any], weights: Weights) -> None:
    again = type(stage)(stage.config)
    again.load("cpu", weights)
    assert_same(stage.extract(prepared(stage)), again.extract(prepared(again)), 0)


def test_different_images_differ(stage: Stage[Any]) -> None:
    found = stage.extract(prepared(stage))
    if (found.status == Status.OK).sum() < 2:
        pytest.skip("this stage finds nothing in noise")
    assert any((array[0] != array[-1]).any() for array in found.arrays.values())


def test_an_item_that_failed_marks_itself_only(stage: Stage[Any]) -> None:
    items = prepared(stage)
    whole = stage.extract(items)
    rows = expected_rows(stage, photos()[0]) if stage.unit is not stage.granularity else 1
    found = stage.extract([Failed("spoilt", rows), *items[1:], Failed("also")])
    assert found.status[:rows].tolist() == [Status.FAILED] * rows
    assert found.messages[:rows] == ["spoilt"] * rows
    assert (found.status[-1], found.messages[-1]) == (Status.FAILED, "also")
    for name, spec in stage.outputs.items():
        np.testing.assert_array_equal(found.arrays[name][:rows], spec.empty(rows))
    rest = Extracted({k: v[rows:-1] for k, v in found.arrays.items()}, found.status[rows:-1], found.messages[rows:-1])
    kept = Extracted({k: v[rows:] for k, v in whole.arrays.items()}, whole.status[rows:], whole.messages[rows:])
    assert_same(rest, kept, 1e-3)


def test_only_failures_and_nothing_at_all(stage: Stage[Any]) -> None:
    assert stage.extract([Failed("a"), Failed("b")]).messages == ["a", "b"]
    empty = stage.extract([])
    for name, spec in stage.outputs.items():
        spec.validate(name, empty.arrays[name], 0)


def test_a_photograph_of_nobody(stage: Stage[Any]) -> None:
    if stage.source:
        return
    nobody = replace(photos(stage.following)[0], boxes=np.zeros((0, 4), np.float32), joints=np.zeros((0, 18, 3)))
    rows = 1 if stage.granularity is Granularity.IMAGE else 0
    found = stage.extract(stage.prepare(nobody))
    for name, spec in stage.outputs.items():
        spec.validate(name, found.arrays[name], rows)


def test_a_description_is_plain_json_and_can_be_drawn(stage: Stage[Any]) -> None:
    found = stage.extract(prepared(stage))
    for row in np.flatnonzero(found.status == Status.OK)[:2]:
        words = stage.describe({name: array[row] for name, array in found.arrays.items()})
        json.dumps(words, allow_nan=False)
        person = {"number": 0, "box": [1, 2, 30, 40], "emotions": None, "reason": "", "features": {"any": words}}
        head = {"head": "linear", "dataset": "demo", "protocol": "any"}
        told = {"people": {}, "head": head, "untrained": [], "notes": [], "persons": [person]}
        draw(photos()[0].image, told)


def test_what_a_stage_says_of_itself(stage: Stage[Any]) -> None:
    assert stage.version >= 1
    assert stage.batch_size >= 1
    assert all(find(name).licence for name in stage.weights)
    assert type(stage).__doc__
    assert stage.config.model_config["frozen"]
    assert stage.config.model_config["extra"] == "forbid"
    assert type(stage.config)(**stage.config.model_dump()) == stage.config


TORCH_FREE = """
import sys
from cache.plugins import load, names
for name in names("pipeline.stages"):
    extractor = load("pipeline.stages", name, "Extractor")
    stage = extractor(extractor.Config())
    print(name, sorted(stage.outputs), stage.weights, stage.unit, stage.granularity)
heavy = "torch torchvision cv2 mmseg mmpose mmcv mmengine facenet_pytorch scipy sklearn timm transformers".split()
heavy.append("ai_edge_litert")
print("loaded:", [name for name in heavy if name in sys.modules])
"""


def test_planning_needs_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TORCH_FREE], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert len(done.stdout.splitlines()) == len(names("pipeline.stages")) + 1


@pytest.mark.gpu
def test_the_gpu_gives_what_the_cpu_gives(stage: Stage[Any], weights: Weights) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    if "count" in stage.outputs:
        pytest.skip("scores of an untrained detector lie so close that another rounding gives another order")
    other = type(stage)(stage.config)
    other.load("cuda", weights)
    here, there = stage.extract(prepared(stage)), other.extract(prepared(other))
    np.testing.assert_array_equal(here.status, there.status)
    for name, array in here.arrays.items():
        if array.dtype.kind != "f":
            continue
        scale = np.nanmax(np.abs(array.astype(float)), initial=1.0)
        if name in ("keypoints", "coco18", "body25", "hands"):  # of flat scores a maximum may move
            assert np.isclose(array, there.arrays[name], rtol=0.02, atol=0.02 * scale).mean() > 0.95, name
        else:
            np.testing.assert_allclose(array, there.arrays[name], rtol=0.02, atol=0.02 * scale, err_msg=name)
