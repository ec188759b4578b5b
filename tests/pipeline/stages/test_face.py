"""face with its real weights: on nothing, and on real photographs whose noses people have marked."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cache.spec import Status
from pipeline.images import decode
from pipeline.stage import Photo
from pipeline.stages.face import TEMPLATE, Extractor
from pipeline.weights import Weights

PHOTOS = Path(__file__).parents[4] / "shared" / "real" / "photos"
real = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")


@pytest.fixture(scope="module")
def stage() -> Iterator[Extractor]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small operators: threads that wait for each other cost more than they give
    stage = Extractor(Extractor.Config())
    stage.load("cpu", Weights(Path("none")))
    yield stage
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photos() -> dict[str, tuple[Photo, np.ndarray]]:
    """File name -> photo and (p, 17, 3) COCO key points of its persons: 0 nose, 1 the person's left eye, 2 right."""
    coco = json.loads((PHOTOS / "persons_coco.json").read_text())
    out = {}
    for entry in coco["images"]:
        persons = [one for one in coco["annotations"] if one["image_id"] == entry["id"]]
        boxes = np.array([one["bbox"] for one in persons], np.float32)
        boxes[:, 2:] += boxes[:, :2]
        points = np.array([one["keypoints"] for one in persons], float).reshape(-1, 17, 3)
        image = decode(PHOTOS / entry["file_name"])
        boxes = np.clip(boxes, 0, [*image.size, *image.size])
        out[entry["file_name"]] = Photo(entry["file_name"], image, boxes), points
    return out


@real
def test_a_face_is_that_of_its_person(stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]) -> None:
    """The nose and the eyes that COCO's annotators gave to this very person lie inside the box and at the landmarks."""
    faces = 0
    for photo, points in photos.values():
        found = stage.extract(stage.prepare(photo))
        for person in np.flatnonzero(found.status == Status.OK):
            faces += 1
            nose, left, right = points[person, :3, :2]
            x1, y1, x2, y2 = found.arrays["box"][person]
            assert x1 < nose[0] < x2
            assert y1 < nose[1] < y2
            side = y2 - y1
            landmarks = found.arrays["landmarks"][person]
            assert np.abs(landmarks[:3] - [right, left, nose]).max() < 0.35 * side
            assert found.arrays["confidence"][person] > 0.7
            assert found.arrays["crop"][person].std() > 10
    assert faces == 6


@real
def test_a_hidden_face_is_not_replaced_by_the_neighbours(
    stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]
) -> None:
    """Of two skiers whose boxes overlap, the detector sees only the front one's face, inside both boxes."""
    photo, _ = photos["000000197388.jpg"]
    front, behind = photo.boxes[0], photo.boxes[1]
    for boxes, expected in (([front, behind], [0, 3]), ([behind, front], [3, 0])):
        found = stage.extract(stage.prepare(Photo("a", photo.image, np.array(boxes))))
        assert found.status.tolist() == expected
        missing = expected.index(3)
        assert found.messages[missing] == "no face in the person's box"
        assert np.isnan(found.arrays["box"][missing]).all()
        assert not found.arrays["crop"][missing].any()


@real
def test_nobody_depends_on_batch_mates(stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]) -> None:
    """Two images of one size share a batch; a third of another size does not."""
    one, other = photos["000000000785.jpg"][0], photos["000000197388.jpg"][0]
    turned = Photo("b", one.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), one.boxes)
    items = [*stage.prepare(one), *stage.prepare(other), *stage.prepare(turned), *stage.prepare(one)]
    together = stage.extract(items)
    alone = [stage.extract([item]) for item in items]
    np.testing.assert_array_equal(together.status, np.concatenate([part.status for part in alone]))
    for name in ("box", "landmarks", "confidence"):
        np.testing.assert_allclose(
            together.arrays[name], np.concatenate([part.arrays[name] for part in alone]), atol=1e-2, err_msg=name
        )


@real
def test_a_large_image_is_searched_smaller_and_cut_from_the_whole(
    stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]
) -> None:
    photo, points = photos["000000000785.jpg"]
    large = Photo("a", photo.image.resize((640 * 4, 425 * 4), Image.Resampling.BICUBIC), photo.boxes * 4)
    (item,) = stage.prepare(large)
    assert item.pixels.shape == (680, 1024, 3)
    found = stage.extract([item])
    assert found.status.tolist() == [Status.OK]
    assert np.abs(found.arrays["landmarks"][0, 2] - points[0, 0, :2] * 4).max() < 40
    small = stage.extract(stage.prepare(photo)).arrays["crop"][0]
    assert np.corrcoef(small.ravel(), found.arrays["crop"][0].ravel())[0, 1] > 0.85, "the same face, sharper"


@real
def test_alignment_puts_the_eyes_level(stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]) -> None:
    """The image turned by 20 degrees gives about the same crop."""
    photo, _ = photos["000000000785.jpg"]
    turned = photo.image.rotate(20, Image.Resampling.BICUBIC, center=(368, 80))
    upright, tilted = (stage.extract(stage.prepare(Photo("a", image, photo.boxes))) for image in (photo.image, turned))
    assert tilted.status.tolist() == [Status.OK]
    slope = tilted.arrays["landmarks"][0, 1] - tilted.arrays["landmarks"][0, 0]
    assert abs(np.degrees(np.arctan2(slope[1], slope[0]))) > 10, "the landmarks themselves are tilted"
    middle = (slice(40, 120), slice(40, 120))
    difference = upright.arrays["crop"][0][middle].astype(float) - tilted.arrays["crop"][0][middle]
    assert np.abs(difference).mean() < 25


def test_no_face_where_there_is_none(stage: Extractor) -> None:
    boxes = np.array([[0, 0, 30, 40], [5, 5, 60, 44]], np.float32)
    for size in ((64, 48), (15, 44), (1, 1)):
        photo = Photo("a", Image.new("RGB", size, (90, 120, 60)), np.minimum(boxes, [*size, *size]).astype(np.float32))
        found = stage.extract(stage.prepare(photo))
        assert found.status.tolist() == [Status.NO_FACE] * 2
        assert found.arrays["crop"].shape == (2, 160, 160, 3)


def test_template_is_of_a_face() -> None:
    eyes, nose, mouth = TEMPLATE[:2], TEMPLATE[2], TEMPLATE[3:]
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
    assert eyes[0, 0] < nose[0] < eyes[1, 0]
    assert abs(TEMPLATE[:, 0].mean() - 80) < 1
