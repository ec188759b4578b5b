"""What backbone looks at: crops by hand-computed geometry, blanked persons, mirrored views, faces, depth maps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_thread import one_thread as one_thread
from PIL import Image
from torch.nn import functional as F

from cache.spec import Granularity, Status
from pipeline.decoding import boxes, images
from pipeline.stage import Failed, Photo
from pipeline.stages import _views as views
from pipeline.stages.backbone import Extractor
from pipeline.weights.folder import Weights

RNG = np.random.default_rng(4)
NOISE = RNG.integers(0, 256, (60, 90, 3)).astype(np.uint8)
BOXES = np.array([[0, 0, 40, 60], [10.5, 5, 80, 59.5]], np.float32)
PHOTO = Photo("a.jpg", Image.fromarray(NOISE), BOXES)
SHARED = Path(__file__).resolve().parents[4] / "shared" / "real" / "photos"


def loaded(**given: Any) -> Extractor:
    config = {"model": "shufflenet_v2_x0_5", "size": (64, 64)} | given
    stage = Extractor(Extractor.Config(**config))
    stage.load("cpu", Weights(Path("none"), untrained=True))
    return stage


def pixels(stage: Extractor, photo: Photo) -> list[np.ndarray]:
    items = stage.prepare(photo)
    assert all(isinstance(item, np.ndarray) for item in items)
    return items  # type: ignore[return-value]


# geometry


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((30, 20, 50, 40), (30, 20, 50, 40)),
        ((30, 10, 50, 50), (20, 10, 60, 50)),  # 20 x 40: ten more at each side
        ((0, 10, 20, 50), (0, 10, 40, 50)),  # the left edge stops it
        ((75, 10, 90, 50), (50, 10, 90, 50)),  # the right edge
        ((40, 0, 80, 10), (40, 0, 80, 40)),  # the top
        ((5, 0, 85, 60), (5, -10, 85, 70)),  # 80 is more than the height of 60: ten over at each end
    ],
)
def test_squares_by_hand(box: tuple[float, ...], expected: tuple[float, ...]) -> None:
    assert boxes.square(np.array(box, np.float32), 90, 60).tolist() == list(expected)


def test_wider_boxes_by_hand() -> None:
    box = np.array([30, 20, 50, 60], np.float32)
    assert boxes.widen(box, 0.5).tolist() == [25, 10, 55, 70]  # 20 x 40 becomes 30 x 60
    assert boxes.clamp(boxes.widen(box, 0.5), 90, 60).tolist() == [25, 10, 55, 60]
    assert views.body(PHOTO.image, box, "expand", 0.5).tolist() == [25, 10, 55, 60]
    assert views.body(PHOTO.image, box, "square", 0.5).tolist() == [10, 0, 70, 60]  # side 60, moved up by ten
    assert views.body(PHOTO.image, box, "stretch", 0.0).tolist() == box.tolist()


@given(st.tuples(*[st.floats(0, 1, width=32)] * 4), st.integers(8, 300), st.integers(8, 300))
@settings(max_examples=150, deadline=None)
def test_a_square_holds_its_box_and_leaves_the_image_only_where_it_must(
    corners: tuple[float, ...], width: int, height: int
) -> None:
    x, y = sorted(corners[:2]), sorted(corners[2:])
    box = np.array([x[0] * width, y[0] * height, x[1] * width, y[1] * height])
    x1, y1, x2, y2 = boxes.square(box, width, height)
    side = max(box[2] - box[0], box[3] - box[1])
    np.testing.assert_allclose([x2 - x1, y2 - y1], side, atol=1e-9)
    assert x1 <= box[0] + 1e-9
    assert y2 >= box[3] - 1e-9
    assert (x1 >= 0 and x2 <= width) or side > width
    assert (y1 >= 0 and y2 <= height) or side > height


def test_a_square_beyond_the_image_is_black_there() -> None:
    stage = loaded(input="body", crop="square", size=(80, 80))
    seen = pixels(stage, Photo("a", PHOTO.image, np.array([[5, 0, 85, 60]], np.float32)))[0]
    assert (seen[:9] == 0).all()
    assert (seen[-9:] == 0).all()
    np.testing.assert_array_equal(seen[10:70], NOISE[:, 5:85])  # 80 x 80 of 80 x 80: no pixel is scaled


def test_squares_and_wider_boxes_are_what_is_cut_out() -> None:
    box = np.array([[30, 10, 50, 50]], np.float32)
    for given_, region in [({"crop": "square"}, (20, 10, 60, 50)), ({"crop": "expand"}, (28, 6, 52, 54))]:
        stage = loaded(input="body", **given_)
        seen = pixels(stage, Photo("a", PHOTO.image, box))[0]
        np.testing.assert_array_equal(seen, images.resize(PHOTO.image, (64, 64), region))


# context


def test_a_context_does_not_depend_on_what_is_in_the_box() -> None:
    changed = NOISE.copy()
    changed[5:60, 10:80] = RNG.integers(0, 256, (55, 70, 3))  # each pixel that the second box touches
    stage = loaded(input="context")
    assert (stage.unit, stage.granularity) == (Granularity.PERSON, Granularity.PERSON)
    one = stage.extract(stage.prepare(PHOTO)).arrays["pooled"]
    other = stage.extract(stage.prepare(Photo("b", Image.fromarray(changed), BOXES))).arrays["pooled"]
    np.testing.assert_array_equal(one[1], other[1])
    assert (one[0] != other[0]).any()
    changed[4, 30] ^= 255  # just above it
    other = stage.extract(stage.prepare(Photo("b", Image.fromarray(changed), BOXES))).arrays["pooled"]
    assert (one[1] != other[1]).any()


@pytest.mark.parametrize(("blank", "colour"), [("black", (0, 0, 0)), ("mean", (124, 116, 104))])
def test_the_person_is_blanked_in_the_original_pixels(blank: str, colour: tuple[int, int, int]) -> None:
    stage = loaded(input="context", blank=blank, size=(60, 90))
    expected = NOISE.copy()
    expected[5:60, 10:80] = colour
    np.testing.assert_array_equal(pixels(stage, PHOTO)[1], expected)
    np.testing.assert_array_equal(np.asarray(PHOTO.image), NOISE)


def test_a_box_that_cannot_be_blanked_fails_alone() -> None:
    stage = loaded(input="context")
    found = stage.extract(stage.prepare(Photo("a", PHOTO.image, np.array([[0, 0, 40, 60], [5, 5, 5, 9]], np.float32))))
    assert found.status.tolist() == [Status.OK, Status.FAILED]
    assert found.messages[1] == "box (5, 5, 5, 9) is empty"


# mirrored views, maps


@pytest.mark.parametrize("model", ["resnet18", "timm/test_vit"])
def test_the_flipped_vector_is_that_of_the_mirrored_image(model: str) -> None:
    stage = loaded(model=model, flip=True, size=(160, 160))
    items = pixels(stage, PHOTO)
    found = stage.extract(items).arrays
    mirrored = stage.extract([np.ascontiguousarray(item[:, ::-1]) for item in items]).arrays
    np.testing.assert_allclose(found["pooled_flip"], mirrored["pooled"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(mirrored["pooled_flip"], found["pooled"], rtol=1e-3, atol=1e-3)
    assert not np.allclose(found["pooled"], found["pooled_flip"], rtol=0.01)
    assert stage.outputs["pooled_flip"] == stage.outputs["pooled"]


def test_a_resnets_map_is_what_was_pooled() -> None:
    stage = loaded(model="resnet18", map=True, size=(96, 70))
    assert stage.outputs["map"].shape == (512, 3, 3)
    found = stage.extract(stage.prepare(PHOTO)).arrays
    assert found["map"].shape == (1, 512, 3, 3)
    np.testing.assert_allclose(found["map"].astype(float).mean((2, 3)), found["pooled"], rtol=0.01, atol=0.01)
    plain = loaded(model="resnet18", size=(96, 70))
    np.testing.assert_array_equal(found["pooled"], plain.extract(plain.prepare(PHOTO)).arrays["pooled"])


# normalisation and interpolation


def test_the_networks_own_normalisation_and_interpolation() -> None:
    config = Extractor.Config(model="timm/vit_base_patch16_clip_224.openai")
    clip = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    np.testing.assert_allclose([*config.mean, *config.std], 255 * np.array(clip).ravel(), rtol=1e-6)
    stage = loaded(model="inception_resnet_v1", size=(160, 160))
    batches: list[torch.Tensor] = []
    stage.network.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0]))
    stage.extract(items := stage.prepare(PHOTO))
    np.testing.assert_allclose(batches[0][0].permute(1, 2, 0), (np.float32(items[0]) - 127.5) / 128, rtol=1e-6)


def test_a_bicubic_network_gets_bicubic_images() -> None:
    soft = NOISE // 2 + 60  # far from 0 and 255, where Pillow clips between its two passes
    stage = loaded(model="timm/test_vit2", size=(160, 160))
    seen = pixels(stage, Photo("a", Image.fromarray(soft), BOXES))[0]
    tensor = torch.from_numpy(soft).permute(2, 0, 1)[None].float()
    for mode, same in [("bicubic", True), ("bilinear", False)]:
        expected = F.interpolate(tensor, (160, 160), mode=mode, antialias=True)[0].permute(1, 2, 0)
        assert bool((np.abs(expected.numpy() - seen) < 2.01).all()) is same


def test_the_face_alone_is_blanked_where_the_feature_face_has_its_box() -> None:
    stage = loaded(input="context", blank="face", size=(60, 90))
    assert (stage.source, stage.reads, stage.sees) == ("face", ("box",), True)
    boxes_ = [(20.5, 10, 40, 30), (-4, -3, 5, 6), (0, 0, 0, 0)]  # of a face, of one cut by the edge, of a black proxy
    seen = stage.look(PHOTO.image, [{"box": np.array(box, np.float32)} for box in boxes_])
    expected = [NOISE.copy() for _ in boxes_]
    expected[0][10:30, 20:40] = 0
    expected[1][:6, :5] = 0
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_array_equal(np.asarray(PHOTO.image), NOISE)


# faces and depth maps


def test_faces_are_the_crops_of_their_feature() -> None:
    stage = loaded(model="inception_resnet_v1", input="face", size=(160, 160))
    assert (stage.source, stage.reads, stage.granularity) == ("face", ("crop",), Granularity.PERSON)
    assert stage.weights == ("vggface2",)
    crop = RNG.integers(0, 256, (160, 160, 3)).astype(np.uint8)
    np.testing.assert_array_equal(stage.derive({"crop": crop}), crop)
    found = stage.extract([stage.derive({"crop": crop})]).arrays["pooled"]
    np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=0.01)
    resized = loaded(input="face", source="other_face", size=(112, 96))
    assert resized.source == "other_face"
    np.testing.assert_array_equal(resized.derive({"crop": crop}), images.resize(Image.fromarray(crop), (112, 96)))


def test_depth_maps_are_stretched_to_grey() -> None:
    stage = loaded(input="depth", size=(2, 4))
    assert (stage.source, stage.reads, stage.granularity) == ("depth", ("map",), Granularity.IMAGE)
    seen = stage.derive({"map": np.array([[1, 2, 3, 5], [3, 3, 3, 3]], np.float16)})
    grey = np.array([[0, 64, 128, 255], [128, 128, 128, 128]])  # (x - 1) / 4 * 255, halves to even
    np.testing.assert_array_equal(seen, np.repeat(grey[..., None], 3, axis=2))
    assert (np.asarray(stage.derive({"map": np.full((2, 4), 7, np.float16)})) == 0).all()
    spoilt = stage.derive({"map": np.array([[1, np.nan], [np.inf, 2]], np.float16)})
    assert spoilt == Failed("map: 2 of 4 values are not finite")


# real photographs


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the photographs beside the repository")
def test_on_real_photographs() -> None:
    paths = sorted(SHARED.glob("*.jpg"))[:2]
    photos = [images.decode(path) for path in paths]
    for given_ in (
        {"input": "context"},
        {"input": "body", "crop": "square"},
        {"model": "timm/test_vit", "size": (160, 160)},
    ):
        stage = loaded(**given_)
        items = []
        for path, image in zip(paths, photos, strict=True):
            width, height = image.size
            people = np.array([[0, 0, width / 2, height], [width / 3, height / 4, width, height]], np.float32)
            items += stage.prepare(Photo(path.name, image, people))
        found = stage.extract(items)
        assert (found.status == Status.OK).all()
        rows = found.arrays["pooled"].astype(float)
        assert len(np.unique(rows.round(3), axis=0)) == len(items)
        alone = np.concatenate([stage.extract([item]).arrays["pooled"] for item in items])
        np.testing.assert_allclose(alone, rows, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"input": "context"}, [0, 0, 90, 60]),
        ({"input": "image"}, [0, 0, 90, 60]),
        ({"input": "body"}, [30, 10, 50, 50]),
        ({"input": "body", "crop": "square"}, [20, 10, 60, 50]),  # as by hand above
        ({"input": "face"}, None),
    ],
)
def test_maps_lie_over_what_was_looked_at(given: dict[str, Any], expected: list[float] | None) -> None:
    stage = Extractor(Extractor.Config(model="resnet18", **given))
    frame = stage.frame(PHOTO.image, np.array([30, 10, 50, 50], np.float32))
    assert (None if frame is None else frame.tolist()) == expected


def test_a_head_is_twice_the_box_of_its_joints_made_square() -> None:
    joints = np.zeros((2, 18, 3), np.float32)
    joints[0, [0, 14, 15]] = (40, 30, 1), (36, 26, 1), (44, 26, 0.5)  # 8 x 4; with margins 16 x 8; square 16 x 16
    joints[0, 16] = 5, 5, 0.05  # not seen
    joints[1, 0] = 40, 30, 1
    stage = loaded(input="head")
    found = stage.prepare(Photo("a.jpg", PHOTO.image, BOXES, joints=joints))
    wanted = images.resize_region(PHOTO.image, (64, 64), np.array([32.0, 20.0, 48.0, 36.0]), "bilinear")
    np.testing.assert_array_equal(found[0], wanted)
    rows = stage.extract(found)
    assert rows.status.tolist() == [Status.OK, Status.NO_FACE]
    assert rows.messages[1] == "1 of the head's 5 joints are seen, of no size"
    assert stage.extract(stage.prepare(PHOTO)).status.tolist() == [Status.FAILED] * 2
