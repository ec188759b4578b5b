"""objects against torchvision's own detectors, asked for one image, and their regions' features worked out again."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from pydantic import ValidationError
from torch import nn
from torchvision.models import WeightsEnum, detection

from cache.errors import UnknownName
from cache.spec import Status
from pipeline.decoding.images import decode
from pipeline.stage import Photo
from pipeline.stages import _detector
from pipeline.stages.objects import Extractor, categories
from pipeline.weights import catalogue as weights_module
from pipeline.weights.folder import Weights
from pipeline.weights.origins import Weight

PHOTOS = Path(__file__).parents[4] / "shared" / "real" / "photos"
QUICK = "fasterrcnn_mobilenet_v3_large_320_fpn"
SIDES = {"min_size": 96, "max_size": 140}
NOBODY = np.zeros((0, 4), np.float32)


def photo(seed: int, width: int, height: int) -> Photo:
    rough = np.random.default_rng(seed).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    return Photo(f"{seed}.jpg", Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC), NOBODY)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def loaded(source: Weights, **settings: Any) -> Extractor:
    stage = Extractor(Extractor.Config(**SIDES | settings))
    stage.load("cpu", source)
    return stage


@pytest.fixture(scope="module")
def untrained() -> Extractor:
    return loaded(Weights(Path("none"), untrained=True), model=QUICK)


def random_state(model: str) -> dict[str, torch.Tensor]:
    """Every tensor matters, running variances so small that what is added to them does too."""
    network = _detector.build(model, Weights(Path("none"), untrained=True), model, SIDES["min_size"], SIDES["max_size"])
    state: dict[str, torch.Tensor] = network.state_dict()
    torch.manual_seed(2)
    for name in [name for name in state if name.endswith("running_var")]:
        layer = name.removesuffix(".running_var")
        state[name] = torch.empty_like(state[name]).uniform_(0.5e-4, 2e-4)
        state[f"{layer}.weight"] = state[f"{layer}.weight"] * 0.01
        state[f"{layer}.bias"] = torch.empty_like(state[f"{layer}.bias"]).normal_(0, 0.1)
    return state


@pytest.fixture(params=["fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", QUICK])
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Weights, nn.Module]:
    """A model, its checkpoint as a file, and torchvision's network as it comes with its published weights."""
    model, state = request.param, random_state(request.param)
    torch.save(state, tmp_path / "made.pth")
    monkeypatch.setitem(weights_module.WEIGHTS, "made", Weight("made", ("made.pth",), "", "", "MIT", ""))
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: state)
    settings = {"box_score_thresh": 0.0, "box_detections_per_img": 50}
    reference = getattr(detection, model)(weights="COCO_V1", weights_backbone=None, **SIDES | settings)
    return model, Weights(tmp_path), reference.eval()


def by_hand(reference: Any, image: torch.Tensor, boxes: torch.Tensor, kind: str) -> torch.Tensor:
    """(k, 1024): features of ``boxes`` (k, 4) in pixels of ``image`` (3, h, w)."""
    canvas, _ = reference.transform([image])
    height, width = canvas.image_sizes[0]
    scaled = boxes * torch.tensor([width / image.shape[2], height / image.shape[1]] * 2)
    if kind == "c4":
        body, x = reference.backbone.body, canvas.tensors
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3"):
            x = body[name](x)
        return torchvision.ops.roi_align(x, [scaled], 7, 1 / 16, 2).mean((2, 3))
    maps = list(reference.backbone(canvas.tensors).values())[:-1]
    strides = [32, 32] if len(maps) == 2 else [4, 8, 16, 32]  # MobileNet's two maps have one size
    crops = []
    for box in scaled:
        side = ((box[2] - box[0]) * (box[3] - box[1])).sqrt()
        level = int(torch.floor(4 + torch.log2(side / 224) + 1e-6).clamp(2, 5)) - 2
        level = 0 if len(maps) == 2 else level
        crops.append(torchvision.ops.roi_align(maps[level], [box[None]], 7, 1 / strides[level], 2))
    return reference.roi_heads.box_head(torch.cat(crops))


def test_as_torchvision_does_it_for_one_image(pair: tuple[str, Weights, nn.Module]) -> None:
    model, weights, reference = pair
    stage = loaded(weights, model=model, weights="made")
    one = photo(1, 200, 90)
    image = torch.from_numpy(np.array(one.image)).permute(2, 0, 1) / 255
    found = stage.extract([*stage.prepare(photo(2, 70, 80)), *stage.prepare(one)])
    assert found.status.tolist() == [Status.OK] * 2
    with torch.inference_mode():
        (wanted,) = reference([image])
        features = by_hand(reference, image, torch.from_numpy(found.arrays["boxes"][1]), "box_head")
    arrays = {name: array[1] for name, array in found.arrays.items()}
    assert arrays["count"] == len(wanted["scores"]) == 50
    assert len(set(wanted["scores"].tolist())) > 40
    np.testing.assert_array_equal(arrays["labels"], wanted["labels"])
    np.testing.assert_allclose(arrays["scores"], wanted["scores"], rtol=1e-4)
    np.testing.assert_allclose(arrays["boxes"], wanted["boxes"], rtol=1e-4, atol=0.01)
    np.testing.assert_allclose(arrays["features"], features, rtol=5e-3, atol=5e-3 * features.max())
    if model != QUICK:
        other = loaded(weights, model=model, weights="made", features="c4")
        found = other.extract(other.prepare(one))
        np.testing.assert_array_equal(found.arrays["boxes"][0], arrays["boxes"])
        with torch.inference_mode():
            features = by_hand(reference, image, torch.from_numpy(arrays["boxes"]), "c4")
        np.testing.assert_allclose(found.arrays["features"][0], features, rtol=5e-3, atol=5e-3 * features.max())


def test_an_image_does_not_see_its_batch_mates(untrained: Extractor) -> None:
    """Exactly: torchvision itself pads the images of a batch to one size, and then finds others."""
    items = [
        item for one in (photo(1, 200, 90), photo(2, 70, 180), photo(3, 50, 50)) for item in untrained.prepare(one)
    ]
    together = untrained.extract(items)
    for row, item in enumerate(items):
        alone = untrained.extract([item])
        for name, array in together.arrays.items():
            np.testing.assert_array_equal(array[row], alone.arrays[name][0], err_msg=name)
    tensors = [torch.from_numpy(item).permute(2, 0, 1) / 255 for item in items]
    untrained.network.roi_heads.score_thresh = 0.0
    with torch.inference_mode():
        batch, single = untrained.network(tensors)[2], untrained.network(tensors[2:])[0]
    assert len(batch["scores"]) == len(single["scores"]) > 0
    assert not torch.allclose(batch["scores"], single["scores"], rtol=1e-3)


def test_the_first_image_and_other_threads_change_nothing(untrained: Extractor) -> None:
    """torchvision keeps the maps' scales that the first image tells, which are wrong for a strip or a small one."""
    other = loaded(Weights(Path("none"), untrained=True), model=QUICK)
    other.extract(other.prepare(photo(1, 600, 9)))
    items = [item for seed in range(4) for item in other.prepare(photo(seed, 60 + 30 * seed, 80))]
    wanted = [untrained.extract([item]) for item in items]
    with ThreadPoolExecutor(4) as pool:
        for found, one in zip(pool.map(lambda item: other.extract([item]), items), wanted, strict=True):
            for name, array in one.arrays.items():
                np.testing.assert_array_equal(found.arrays[name], array, err_msg=name)


def test_the_best_are_found_without_comparing_all(untrained: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
    items = untrained.prepare(photo(4, 120, 90))
    quick = untrained.extract(items)
    monkeypatch.setattr(_detector, "GUESSES", ())
    for name, array in untrained.extract(items).arrays.items():
        np.testing.assert_array_equal(array, quick.arrays[name])


def test_few_and_no_objects() -> None:
    weights, one = Weights(Path("none"), untrained=True), photo(1, 120, 90)
    stage = loaded(weights, model=QUICK, top=20)
    scores = stage.extract(stage.prepare(one)).arrays["scores"][0]
    assert scores.shape == (20,)
    stage = loaded(weights, model=QUICK, top=20, min_score=float(scores[4] + scores[5]) / 2)
    few = stage.extract(stage.prepare(one)).arrays
    assert few["count"].tolist() == [5]
    np.testing.assert_array_equal(few["scores"][0, :5], scores[:5])
    for name in ("boxes", "scores", "labels", "features"):
        assert few[name][0, :5].any()
        assert not few[name][0, 5:].any()
    stage = loaded(weights, model=QUICK, min_score=0.99)
    none = stage.extract(stage.prepare(one))
    assert none.status.tolist() == [Status.OK]
    assert not any(array.any() for array in none.arrays.values())


def test_an_image_too_narrow_for_the_network_fails_alone(untrained: Extractor) -> None:
    items = [item for one in (photo(1, 600, 3), photo(2, 60, 40)) for item in untrained.prepare(one)]
    found = untrained.extract(items)
    assert found.status.tolist() == [Status.FAILED, Status.OK]
    assert found.messages[0] == "image of 600 x 3 is too narrow: at 140 pixels its short side is less than one"
    assert untrained.extract(untrained.prepare(photo(3, 600, 5))).status.tolist() == [Status.OK]


def test_a_row_in_words(untrained: Extractor) -> None:
    row = {name: spec.empty(1)[0] for name, spec in untrained.outputs.items()}
    row["count"], row["scores"][:3], row["labels"][:3] = np.int16(3), (0.9, 0.5, 0.4), (1, 90, 1)
    row["boxes"][0] = 1.2, 2.6, 30, 40
    said = untrained.describe(row)["objects"]
    assert said[0] == {"label": "person", "score": 0.9, "box": [1, 3, 30, 40]}
    assert [one["label"] for one in said] == ["person", "toothbrush"]
    assert json.loads(json.dumps(said)) == said
    assert len(categories()) == _detector.CLASSES


def refuse(**settings: Any) -> str:
    with pytest.raises((UnknownName, ValidationError)) as caught:
        Extractor(Extractor.Config(**settings))
    return str(caught.value)


def test_settings() -> None:
    assert "Did you mean 'fasterrcnn_resnet50_fpn'" in refuse(model="fasterrcnn_resnet50")
    assert "min_size 800 is over max_size 600" in refuse(max_size=600)
    assert "features = 'c4' wants a ResNet" in refuse(model=QUICK, features="c4")
    assert "top" in refuse(top=0)
    quick = Extractor.Config(model=QUICK)
    assert (quick.weights, quick.min_size, quick.max_size) == (QUICK, 320, 640)
    assert Extractor.Config().weights == "fasterrcnn_resnet50_fpn"


def test_published_sizes_are_torchvisions() -> None:
    for name, model in _detector.MODELS.items():
        transform = getattr(detection, name)(weights=None, weights_backbone=None).transform
        assert (transform.min_size, transform.max_size) == ((model.min_size,), model.max_size)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")
def test_real_photographs(untrained: Extractor) -> None:
    """Untrained, boxes neither vanish nor flood: 50 in each image, inside it, the likeliest first."""
    for path in sorted(PHOTOS.glob("*.*g")):
        image = decode(path)
        found = untrained.extract(untrained.prepare(Photo(path.name, image, NOBODY)))
        assert found.status.tolist() == [Status.OK]
        boxes, scores = found.arrays["boxes"][0], found.arrays["scores"][0]
        assert found.arrays["count"].tolist() == [50]
        assert (boxes >= 0).all()
        assert (boxes[:, 2:] <= np.array(image.size) * 1.0001).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (np.diff(scores) <= 0).all()
        assert 0 < scores[-1] <= scores[0] <= 1
        assert found.arrays["features"].any(axis=-1).all()
