"""sem2vec against mmsegmentation's own encode_decode, one image at a time, and plain sets of its label map."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from pipeline.decoding.images import letterbox
from pipeline.stage import Photo
from pipeline.stages.sem2vec import Extractor, upsampled_argmax
from pipeline.weights.folder import Weights

SIZE = (96, 128)
NOBODY = np.zeros((0, 4), np.float32)


def photo(seed: int, width: int, height: int) -> Photo:
    rough = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    return Photo(f"{seed}.jpg", Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC), NOBODY)


@pytest.fixture(scope="module")
def stage() -> Extractor:
    stage = Extractor(Extractor.Config(model="demo_hr8", size=SIZE))
    stage.load("cpu", Weights(Path("none"), untrained=True))
    torch.manual_seed(5)
    for module in stage.network.modules():  # drawn anew: the small network may be bundled with trained weights
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.reset_running_stats()
    return stage


def reference_labels(stage: Extractor, one: Photo) -> np.ndarray:
    """(h, w) class of each pixel of the image's part of the network's input, by mmsegmentation."""
    pixels, (height, width) = letterbox(one.image, SIZE)
    values = (pixels - np.array([123.675, 116.28, 103.53])) / np.array([58.395, 57.12, 57.375])
    values[height:], values[:, width:] = 0, 0
    meta = {"ori_shape": SIZE, "img_shape": SIZE, "pad_shape": SIZE, "padding_size": [0, 0, 0, 0]}
    with torch.inference_mode():
        logits = stage.network.encode_decode(torch.from_numpy(values).permute(2, 0, 1)[None].float(), [meta])
    return logits[0].argmax(0).numpy()[:height, :width]


def test_each_image_alone_as_mmsegmentation_does_it(stage: Extractor) -> None:
    photos = [photo(1, 128, 96), photo(2, 300, 100), photo(3, 50, 200)]
    found = stage.extract([item for one in photos for item in stage.prepare(one)])
    present = []
    for row, one in enumerate(photos):
        labels = reference_labels(stage, one)
        wanted = set(labels.ravel().tolist())
        present.append(wanted)
        assert set(np.flatnonzero(found.arrays["presence"][row]).tolist()) == wanted
        for label in wanted:
            share = (labels == label).sum() / labels.size
            assert found.arrays["area"][row, label] == pytest.approx(share, rel=1e-3, abs=1e-7)
        assert found.arrays["area"][row].astype(float).sum() == pytest.approx(1, abs=0.01)
        small = np.full((SIZE[0] // 8, SIZE[1] // 8), 255)
        for i in range(small.shape[0]):
            for j in range(small.shape[1]):
                if 8 * i + 4 < labels.shape[0] and 8 * j + 4 < labels.shape[1]:
                    small[i, j] = labels[8 * i + 4, 8 * j + 4]
        np.testing.assert_array_equal(found.arrays["label_map"][row], small)
    assert present[0] != present[1], "the test is empty when all images show the same classes"
    assert all(len(one) > 1 for one in present)


def test_presence_is_of_one_image_never_of_the_batch(stage: Extractor) -> None:
    items = [stage.prepare(photo(seed, 128, 96))[0] for seed in range(1, 5)]
    together = stage.extract(items).arrays["presence"]
    alone = np.concatenate([stage.extract([item]).arrays["presence"] for item in items])
    np.testing.assert_array_equal(together, alone)
    assert (together != together.any(axis=0)).any()


@pytest.mark.parametrize("classes", [1, 3, 150])
@pytest.mark.parametrize("rough", [2, 24])
def test_upsampling_only_what_can_win_changes_no_pixel(classes: int, rough: int) -> None:
    """classes: how many can win. rough: cells of noise across the map, from smooth to white."""
    torch.manual_seed(classes + rough)
    logits = F.interpolate(torch.randn(1, 150, rough, rough) * 3, size=(24, 32), mode="bilinear")[0]
    logits[classes:] -= 100
    full = F.interpolate(logits[None], size=SIZE, mode="bilinear", align_corners=False)[0]
    np.testing.assert_array_equal(upsampled_argmax(logits, SIZE), full.argmax(0))


def test_equal_logits_give_the_lowest_class() -> None:
    assert upsampled_argmax(torch.zeros(150, 8, 8), (32, 32)).unique().tolist() == [0]


@pytest.mark.parametrize(("settings", "text"), [({"size": (100, 96)}, "multiples of 32"), ({"sizes": 1}, "sizes")])
def test_faults_in_settings(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Extractor.Config(**settings)


def test_label_map_is_declared_at_an_eighth() -> None:
    outputs = Extractor(Extractor.Config()).outputs
    assert outputs["label_map"].shape == (64, 64)
    assert outputs["label_map"].missing == 255


def test_presence_below_the_least_area_does_not_count(stage: Extractor) -> None:
    """Against counting pixels of mmsegmentation's label map; areas and label maps stay as they are."""
    one = photo(4, 200, 120)
    plain = stage.extract(stage.prepare(one)).arrays
    picky = Extractor(Extractor.Config(model="demo_hr8", size=SIZE, min_area=0.05))
    picky.network, picky.device = stage.network, stage.device
    found = picky.extract(picky.prepare(one)).arrays
    labels = reference_labels(stage, one)
    wanted = [k for k in range(150) if (labels == k).mean() >= 0.05]
    assert np.flatnonzero(found["presence"][0]).tolist() == wanted
    assert 0 < len(wanted) < plain["presence"].sum()
    np.testing.assert_array_equal(found["area"], plain["area"])
    np.testing.assert_array_equal(found["label_map"], plain["label_map"])
