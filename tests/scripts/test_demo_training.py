"""The training of the demo's networks: what it measures, what it writes, and that it says the same twice."""

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.demo.scenes.render import scenes
from scripts.demo_training.backbones import TASKS, BackbonePlan, gathered, train_backbone
from scripts.demo_training.scene_tensors import letterboxed, letterboxed_all, normalised
from scripts.demo_training.segmenter import CLASSES, SegmenterPlan, class_weights, presence_of, train_segmenter
from scripts.train_demo_weights import FOLDER, NETWORKS, main


def silent(line):
    assert line


def test_letterboxed_labels_lie_under_their_pixels():
    one = next(scenes(7, 0, 1))
    image, labels = letterboxed(one, 384, 512)
    rows, columns = one.label_map.shape
    factor = min(384 / rows, 512 / columns)
    assert (labels[round(rows * factor) :] == 255).all()
    assert (labels[:, round(columns * factor) :] == 255).all()
    assert (labels == 12).sum() == pytest.approx((one.label_map == 12).sum() * factor**2, rel=0.02)
    person = one.image[one.label_map == 12].mean(axis=0)
    np.testing.assert_allclose(image[labels == 12].mean(axis=0), person, atol=4)


def test_normalised_is_imagenets():
    pixels = np.full((1, 2, 2, 3), (255, 0, 128), np.uint8)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(normalised(pixels)[0, :, 1, 1], expected, rtol=1e-4)


def test_presence_counts_pixels_beside_the_ignored_ones():
    one = np.full((1, 10, 20), 255, np.uint8)
    one[0, :, :10] = 4
    one[0, 0, :2] = 149
    assert np.flatnonzero(presence_of(one, 0.0)[0]).tolist() == [4, 149]
    assert np.flatnonzero(presence_of(one, 0.02)[0]).tolist() == [4, 149]
    assert np.flatnonzero(presence_of(one, 0.021)[0]).tolist() == [4]
    assert presence_of(one, 0.0).shape == (1, CLASSES)


def test_rare_classes_weigh_more_and_absent_ones_nothing_special():
    labels = np.zeros((1, 100, 100), np.uint8)
    labels[0, 0, :16] = 7
    labels[0, 1, :] = 255
    weights = class_weights(labels)
    assert weights[0] == 1
    assert weights[7] == 2.5
    assert weights[9] == 1


def test_a_class_is_told_from_hand_made_maps(monkeypatch):
    """IoU by a hand calculation: half of the things found, nothing else."""
    import scripts.demo_training.segmenter as module

    truth = np.full((1, 4, 4), 2, np.uint8)
    truth[0, :2, :2] = 20
    found = np.full((1, 4, 4), 2, np.uint8)
    found[0, 0, :2] = 20
    monkeypatch.setattr(module, "letterboxed_all", lambda *_: (np.zeros((1, 4, 4, 3), np.uint8), truth))
    monkeypatch.setattr(module, "predicted", lambda *_: found)
    facts = module.measure_segmenter(torch.nn.Identity(), SegmenterPlan(measured=1))
    assert facts["classes"]["car"]["iou"] == 0.5
    assert facts["classes"]["sky"]["iou"] == round(12 / 14, 4)
    assert facts["miou"] == round((0.5 + round(12 / 14, 4)) / 2, 4)
    assert facts["miou_things"] == 0.5
    assert facts["pixel_accuracy"] == round(14 / 16, 4)
    assert facts["presence"]["from a share of 0.0"] == {"precision": 1.0, "recall": 1.0}


def test_segmenter_training_repeats_itself_and_tells_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.demo_training.segmenter.HEIGHT", 48)
    monkeypatch.setattr("scripts.demo_training.segmenter.WIDTH", 64)
    plan = SegmenterPlan(scenes=3, measured=2, steps=2, batch=2)
    for name in ("one", "two"):
        train_segmenter(tmp_path / f"{name}.safetensors", plan, silent)
    data = (tmp_path / "one.safetensors").read_bytes()
    assert data == (tmp_path / "two.safetensors").read_bytes()
    told = json.loads((tmp_path / "one.json").read_text())
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert told["steps"] == 2


@pytest.mark.parametrize("name", sorted(TASKS))
def test_backbone_training_writes_no_classifier_and_measures(tmp_path, name):
    plan = BackbonePlan(size=32, seed=5, scenes=3, measured=2, steps=1, batch=2)
    train_backbone(name, tmp_path / "b.safetensors", plan, silent)
    assert not any(key.startswith("fc.") for key in load_file(tmp_path / "b.safetensors"))
    told = json.loads((tmp_path / "b.json").read_text())
    assert all(0 <= value <= 1 for key, value in told.items() if key.endswith("_accuracy"))


def test_body_examples_are_persons_with_joints_inside_the_box():
    plan = BackbonePlan(size=32, seed=5)
    persons = sum(len(one.persons) for one in scenes(5, 0, 6))
    data = gathered(TASKS["demo_body"], plan, 5, 6)
    assert data.images.shape == (persons, 32, 32, 3)
    assert data.joints.shape == (persons, 28)
    assert 0 <= data.joints.min() < data.joints.max() <= 1


def test_unknown_network_is_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["demo_hr9"])
    assert "no network 'demo_hr9'. Known: demo_hr8, demo_image, demo_body" in capsys.readouterr().err


def test_shipped_weights_are_the_measured_ones_and_small():
    files = [FOLDER / f"{name}.safetensors" for name in NETWORKS]
    assert sum(file.stat().st_size for file in files) <= 8_000_000
    for file in files:
        told = json.loads(file.with_suffix(".json").read_text())
        assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert told["bytes"] == file.stat().st_size <= 4_000_000
        assert 0 not in (told["seed"], told["measure_seed"])
        assert told["seed"] != told["measure_seed"]
        assert told["measured"] >= 100


def test_shipped_segmenter_finds_things_in_new_scenes():
    """On scenes that nobody measured before; the full measurement lies beside the weights."""
    from pipeline.networks.openmmlab import build_segmentor
    from scripts.demo_training.segmenter import predicted

    network = build_segmentor("demo_hr8")
    network.load_state_dict(load_file(FOLDER / "demo_hr8.safetensors"))
    images, truth = letterboxed_all(scenes(3000, 0, 6), 192, 256)
    known = truth != 255
    assert (predicted(network, images, truth) == truth)[known].mean() > 0.9
