"""The detector against facenet-pytorch's own front end, which nothing here uses, and on images of no use."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.decoding.images import decode
from pipeline.networks.faces import Detector, Faces
from pipeline.weights.folder import Weights

PHOTOS = Path(__file__).parents[4] / "shared" / "real" / "photos"
real = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")
NAMES = ("000000000785.jpg", "000000040083.jpg", "000000196141.jpg", "000000197388.jpg", "indoor_020.png")


@pytest.fixture(scope="module")
def detector() -> Iterator[Detector]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small operators: threads that wait for each other cost more than they give
    made = Detector()
    made.load("cpu", Weights(Path("none")))
    yield made
    torch.set_num_threads(threads)


@real
@pytest.mark.parametrize("name", NAMES)
def test_facenet_pytorchs_own_front_end_finds_the_same(detector: Detector, name: str) -> None:
    """Its ``detect`` on the same photo: the same boxes, clipped here, and the largest first."""
    from facenet_pytorch import MTCNN

    image = decode(PHOTOS / name)
    (found,) = detector.detect([detector.search(image)])
    boxes, confidence, landmarks = MTCNN(keep_all=True, device="cpu").detect(image, landmarks=True)
    if boxes is None:
        assert len(found.boxes) == 0
        assert found.largest() is None
        return
    order = np.lexsort(found.boxes.T[:1])
    other = np.lexsort(boxes.T[:1])
    clipped = np.clip(boxes.astype(float), 0, [*image.size, *image.size])
    np.testing.assert_allclose(found.boxes[order], clipped[other], atol=1e-3)
    np.testing.assert_allclose(found.landmarks[order], landmarks[other].astype(float), atol=1e-3)
    np.testing.assert_allclose(found.confidence[order], confidence[other].astype(float), atol=1e-5)
    largest = found.largest()
    assert largest is not None
    np.testing.assert_allclose(found.boxes[largest], clipped[0], atol=1e-3)


@real
def test_the_largest_face_is_that_of_a_person_whom_people_have_marked(detector: Detector) -> None:
    """A nose of COCO's annotators lies in it; with the others of its batch the result is the same."""
    images = [decode(PHOTOS / name) for name in NAMES]
    together = detector.detect([detector.search(image) for image in images])
    coco = json.loads((PHOTOS / "persons_coco.json").read_text())
    for entry in coco["images"]:
        found = together[NAMES.index(entry["file_name"])]
        (alone,) = detector.detect([detector.search(images[NAMES.index(entry["file_name"])])])
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=1e-2)
        if (largest := found.largest()) is None:
            continue
        x1, y1, x2, y2 = found.boxes[largest]
        noses = [one["keypoints"][:2] for one in coco["annotations"] if one["image_id"] == entry["id"]]
        assert sum(x1 < x < x2 and y1 < y < y2 for x, y in noses) == 1


@pytest.mark.parametrize("size", [(1, 1), (19, 400), (400, 19), (20, 20), (64, 48), (3000, 5)])
def test_nothing_in_a_plain_or_tiny_image(detector: Detector, size: tuple[int, int]) -> None:
    (found,) = detector.detect([detector.search(Image.new("RGB", size, (90, 120, 60)))])
    assert [len(part) for part in found] == [0, 0, 0]
    assert found.largest() is None


def test_no_images_at_all(detector: Detector) -> None:
    assert detector.detect([]) == []


def test_a_large_image_is_searched_smaller() -> None:
    search = Detector(max_side=100).search(Image.new("RGB", (400, 200)))
    assert (search.pixels.shape, search.size) == ((50, 100, 3), (400, 200))
    assert Detector(max_side=100).search(Image.new("RGB", (90, 100))).pixels.shape == (100, 90, 3)


def test_the_largest_is_by_area_and_not_empty() -> None:
    def faces(*boxes: tuple[float, float, float, float]) -> Faces:
        return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.zeros((len(boxes), 5, 2), np.float32), np.ones(1))

    assert faces((0, 0, 10, 10), (5, 5, 9, 35), (0, 0, 2, 49)).largest() == 1
    assert faces((7, 0, 7, 10)).largest() is None
    assert faces().largest() is None
