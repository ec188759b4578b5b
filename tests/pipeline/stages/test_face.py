"""face with its real weights: on nothing, and on real photographs whose noses people have marked."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cache.spec import Status
from pipeline.decoding.boxes import head_region
from pipeline.decoding.images import decode
from pipeline.stage import Photo
from pipeline.stages.face import TEMPLATE, Extractor
from pipeline.weights.folder import Weights

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


def with_proxy(stage: Extractor, proxy: str) -> Extractor:
    """The loaded stage with another ``proxy``."""
    made = Extractor(Extractor.Config.model_validate({"proxy": proxy}))
    made.detector = stage.detector
    return made


def test_a_proxy_stands_in_where_no_face_is(stage: Extractor) -> None:
    """Red left half, blue right half, green below: the mean colours tell which region a crop shows."""
    pixels = np.zeros((100, 120, 3), np.uint8)
    pixels[:40, :60], pixels[:40, 60:], pixels[40:] = (200, 0, 0), (0, 0, 200), (0, 200, 0)
    boxes = np.array([[20, 0, 100, 100], [0, 40, 120, 100]], np.float32)
    photo = Photo("a", Image.fromarray(pixels), boxes)
    colours = {
        "black": [(0, 0, 0), (0, 0, 0)],
        "head": [(100, 0, 100), (0, 200, 0)],  # (40, 0, 80, 40) and (48, 40, 72, 64)
        "box": [(40, 120, 40), (0, 200, 0)],
    }
    regions = {"black": np.zeros((2, 4)), "head": [[40, 0, 80, 40], [48, 40, 72, 64]], "box": boxes}
    for proxy, expected in colours.items():
        found = with_proxy(stage, proxy).extract(stage.prepare(photo))
        assert found.status.tolist() == [Status.OK] * 2
        assert found.messages == ["", ""]
        np.testing.assert_allclose(found.arrays["crop"].mean(axis=(1, 2)), expected, atol=1.5)
        np.testing.assert_allclose(found.arrays["box"], regions[proxy], atol=1e-4)
        assert not found.arrays["landmarks"].any()
        assert found.arrays["confidence"].tolist() == [0, 0]
    assert with_proxy(stage, "none").extract(stage.prepare(photo)).status.tolist() == [Status.NO_FACE] * 2


@real
def test_a_proxy_changes_nothing_for_a_face_that_was_found(
    stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]
) -> None:
    photo, _ = photos["000000197388.jpg"]
    plain = stage.extract(stage.prepare(photo))
    for proxy in ("black", "head", "box"):
        found = with_proxy(stage, proxy).extract(stage.prepare(photo))
        faces = plain.status == Status.OK
        assert (found.arrays["confidence"] > 0).tolist() == faces.tolist()
        for name, array in plain.arrays.items():
            np.testing.assert_array_equal(array[faces], found.arrays[name][faces])
        assert (found.status == Status.OK).all()


@real
def test_the_head_proxy_shows_heads(stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]) -> None:
    """Most noses that COCO's annotators marked lie in the region that is cut for the same person."""
    inside = marked = 0
    for photo, points in photos.values():
        for box, (x, y, seen) in zip(photo.boxes, points[:, 0], strict=True):
            if seen:
                x1, y1, x2, y2 = head_region(box)
                inside += bool(x1 < x < x2 and y1 < y < y2)
                marked += 1
    assert marked >= 10
    assert inside / marked > 0.6


@real
def test_a_person_whose_box_is_the_face_gets_it(stage: Extractor, photos: dict[str, tuple[Photo, np.ndarray]]) -> None:
    """As in CAER-S: with the detected box, and with one by another detector that leaves out the forehead."""
    for name in ("000000000785.jpg", "000000197388.jpg", "000000040083.jpg"):
        photo, _ = photos[name]
        found = stage.extract(stage.prepare(photo))
        for person in np.flatnonzero(found.status == Status.OK):
            x1, y1, x2, y2 = box = found.arrays["box"][person]
            lower = np.array([x1 - 3, y1 + (y2 - y1) / 4, x2 + 3, y2])
            for own in (box, np.clip(lower, 0, [*photo.image.size] * 2).astype(np.float32)):
                again = stage.extract(stage.prepare(Photo("a", photo.image, own[None])))
                assert again.status.tolist() == [Status.OK]
                np.testing.assert_array_equal(again.arrays["box"][0], box)
                np.testing.assert_array_equal(again.arrays["crop"][0], found.arrays["crop"][person])


@pytest.mark.parametrize("box", [(0, 0, 0.3, 0.2), (0, 0, 1, 90), (119.5, 0, 120, 100), (0, 99.9, 120, 100)])
def test_a_proxy_of_a_sliver_is_a_crop_too(stage: Extractor, box: tuple[float, ...]) -> None:
    photo = Photo("a", Image.new("RGB", (120, 100), (9, 8, 7)), np.array([box], np.float32))
    for proxy in ("head", "box"):
        found = with_proxy(stage, proxy).extract(stage.prepare(photo))
        assert found.status.tolist() == [Status.OK]
        assert (found.arrays["crop"][0] == (9, 8, 7)).all()
