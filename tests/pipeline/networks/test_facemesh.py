"""The three operations of the face mesh against scipy and MediaPipe's matrices multiplied one by one."""

import numpy as np
import small_tflite
from scipy.ndimage import map_coordinates

from pipeline.networks import facemesh

RNG = np.random.default_rng(5)
MESH = RNG.uniform(5, 43, (facemesh.MESH, 2))
SQUARE = facemesh.Square((3, 7), np.arange(10, 90), (1.5, 1.25))


def by_matrices() -> np.ndarray:
    """Shift to the middle, turn, scale, shift by half the patch: MediaPipe's four matrices."""
    (x1, y1), (x2, y2) = MESH[3], MESH[7]
    r = -np.arctan2(y2 - y1, x2 - x1)

    def turn(angle: float) -> np.ndarray:
        return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])

    def shift(x: float, y: float) -> np.ndarray:
        return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])

    turned = np.array([(turn(r) @ (*point, 1))[:2] for point in MESH[10:90]])
    low, high = turned.min(0), turned.max(0)
    middle = turn(-r) @ (*(low + high) / 2, 1)
    scale = np.diag([1.5 * (high - low)[0] / 16, 1.25 * (high - low)[1] / 16, 1])
    return (shift(*middle[:2]) @ turn(-r) @ scale @ shift(-8, -8))[:2]


def test_the_square_of_an_eye() -> None:
    np.testing.assert_allclose(SQUARE.matrix(MESH), by_matrices(), atol=1e-9)


def test_a_patch_by_scipy() -> None:
    features = RNG.normal(size=(48, 48, 5)).astype(np.float32)
    matrix = by_matrices()
    rows, columns = np.mgrid[:16, :16] + 0.5
    x, y = np.einsum("ij,jrc->irc", matrix, np.stack([columns, rows, np.ones((16, 16))])) - 0.5
    inside = (x >= 0) & (x <= 47) & (y >= 0) & (y <= 47)
    assert 0 < inside.sum() < 256
    wanted = np.stack([map_coordinates(features[..., k], [y, x], order=1) for k in range(5)], -1) * inside[..., None]
    np.testing.assert_allclose(facemesh.patch(features, matrix), wanted, atol=1e-5)


def test_refined_points_go_back_by_the_same_square() -> None:
    """The patch's middle, (32, 32) of 64 fine cells, is the square's: 4 times that of the features' cells."""
    matrix = SQUARE.matrix(MESH)
    middle = matrix @ (8, 8, 1)
    np.testing.assert_allclose(facemesh.placed(np.array([[32.0, 32.0]]), matrix), [4 * middle])


def test_the_file_says_which_points_are_seen_twice() -> None:
    lips, left, right = facemesh.squares(small_tflite.face_network(), "x")
    assert [len(one.points) for one in (lips, left, right)] == [80, 71, 71]
    assert (lips.ends, lips.scale, lips.points[0]) == ((3, 7), (1.5, 1.25), 10)
