"""The cascade against facenet-pytorch's detect_face with the same networks: the same numbers to the last bit."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.networks.cascade import Candidates, Cascade
from pipeline.networks.faces import MIN_FACE, PYRAMID_FACTOR, THRESHOLDS, Detector
from pipeline.weights.folder import Weights

PORTRAIT = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def detector() -> Iterator[Detector]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = Detector()
    made.load("cpu", Weights(Path("none")))
    yield made
    torch.set_num_threads(threads)


def portraits() -> np.ndarray:
    """(3, 303, 256, 3): a portrait, one with two small faces, and noise, in which the first networks see a lot."""
    image = Image.open(PORTRAIT).convert("RGB").resize((256, 303))
    two = Image.new("RGB", image.size, (90, 120, 60))
    for corner in ((0, 0), (120, 140)):
        two.paste(image.resize((130, 154)), corner)
    noise = np.random.default_rng(0).integers(0, 256, (303, 256, 3), dtype=np.uint8)
    return np.stack([np.asarray(image), np.asarray(two), noise])


def test_it_finds_what_detect_face_finds(detector: Detector) -> None:
    from facenet_pytorch.models.utils.detect_face import detect_face

    pixels = portraits()
    nets = [detector.nets[name] for name in ("pnet", "rnet", "onet")]
    with torch.inference_mode():
        boxes, points = detect_face(pixels, MIN_FACE, *nets, list(THRESHOLDS), PYRAMID_FACTOR, "cpu")
        found = Cascade(pixels, detector.nets, "cpu").run(MIN_FACE, PYRAMID_FACTOR, THRESHOLDS)
    assert [len(one) for one in boxes] == [1, 2, 0]
    for (ours, landmarks), other, places in zip(found, boxes, points, strict=True):
        np.testing.assert_array_equal(ours, other.astype(np.float32).reshape(-1, 5))
        np.testing.assert_array_equal(landmarks, places.astype(np.float32).reshape(-1, 5, 2))


def test_a_candidate_outside_the_image_is_dropped(detector: Detector) -> None:
    """detect_face cuts nothing out for it, and then its scores belong to other candidates."""
    boxes = torch.tensor([[300.0, 10, 320, 30, 1], [10, 10, 30, 30, 1], [-40, 10, -20, 30, 1], [5, 400, 9, 404, 1]])
    found = Cascade(portraits()[:1], detector.nets, "cpu")._inside(Candidates(boxes, torch.zeros(4, dtype=int)))
    assert found.boxes[:, 0].tolist() == [10]
