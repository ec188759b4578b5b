"""Networks and what they are shown, against their own projects' paths on real photographs: same file, same weights.

What scripts.bench.reference measures with the large networks, here with small ones; rates are not looked at.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.stage import normalise
from scripts.bench.references import classifiers, depths, detectors, facenet, mmpose, mmseg, scenes
from scripts.bench.references.case import Photograph, Reference, compare, quiet

PHOTOS = Path(__file__).parents[4] / "shared" / "real" / "photos"
pytestmark = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")
PEOPLE = {
    "000000000785.jpg": [(280, 44, 500, 384)],
    "000000040083.jpg": [(10, 20, 110, 300), (0, 0, 500, 333)],
}
"""A skier, and two boxes of a street."""
SMALL: dict[str, Callable[[Path], Reference]] = {
    "sem2vec": lambda folder: mmseg.sem2vec(folder, "fcn_hr18s", 128),
    "pose": lambda folder: mmpose.pose(folder, "rtmpose-t"),
    "pose_wholebody": lambda folder: mmpose.pose(folder, "dwpose-t"),
    "face": facenet.face,
    "backbone_torchvision": classifiers.of_torchvision,
    "backbone_timm": lambda folder: classifiers.of_timm(folder, "test_vit.r160_in1k", 160),
    "backbone_faces": facenet.embedding,
    "scene": scenes.scene,
    "depth": lambda folder: depths.depth(folder, 70),
    "objects": lambda folder: detectors.objects(folder, "fasterrcnn_mobilenet_v3_large_320_fpn", min_size=160),
    "hrnet_maps": lambda folder: classifiers.hrnet_maps(folder, "hrnet_w18_small", 64),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photographs() -> list[Photograph]:
    return [
        Photograph(PHOTOS / name, Image.open(PHOTOS / name).convert("RGB"), np.array(boxes, np.float32))
        for name, boxes in PEOPLE.items()
    ]


def built(name: str, folder: Path) -> Reference:
    with quiet():
        return SMALL[name](folder)


@pytest.mark.parametrize("name", SMALL)
def test_as_its_own_project_does_it(name: str, photographs: list[Photograph], tmp_path: Path) -> None:
    if name == "depth":
        pytest.importorskip("transformers", reason="the extra depth is not installed")
    one = built(name, tmp_path)
    if name == "face":
        photographs = [photo._replace(boxes=one.theirs(photo).boxes) for photo in photographs[:1]]
        assert len(photographs[0].boxes)
    found = compare(one, photographs)
    assert found.keys() == one.limits.keys()
    assert not {what: gap for what, gap in found.items() if not gap <= one.limits[what].tolerance}


@pytest.mark.parametrize("change", ["colours swapped", "mean shifted"])
@pytest.mark.parametrize("name", ["pose", "backbone_timm", "scene"])
def test_another_preprocessing_would_be_told(
    name: str, change: str, photographs: list[Photograph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = {"pose": "pose", "backbone_timm": "backbone", "scene": "scene"}[name]
    module = f"pipeline.stages.{stage}.normalise"

    def other(pixels: Any, *args: Any, **kwargs: Any) -> Any:
        if change == "colours swapped":
            return normalise([one[..., ::-1].copy() for one in pixels], *args, **kwargs)
        return normalise(pixels, *args, **kwargs).add_(0.1)

    monkeypatch.setattr(module, other)
    one = built(name, tmp_path)
    found = compare(one, photographs[:1])
    assert {what for what, gap in found.items() if gap > one.limits[what].tolerance}
