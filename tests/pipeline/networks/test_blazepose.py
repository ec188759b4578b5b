"""BlazePose's anchors, decoding, merging and heat against plain loops over MediaPipe's definitions."""

import math

import numpy as np

from pipeline.networks import blazepose
from pipeline.networks.blazepose import Candidates

RNG = np.random.default_rng(4)


def test_anchors_by_a_loop_over_the_layers_options() -> None:
    """SsdAnchorsCalculator: layers of one stride together; each gives a cell two anchors, of its scale and between it
    and the next one's."""
    strides, wanted, layer = (8, 16, 32, 32, 32), [], 0
    while layer < len(strides):
        last = layer
        while last < len(strides) and strides[last] == strides[layer]:
            last += 1
        cells = math.ceil(224 / strides[layer])
        for y in range(cells):
            for x in range(cells):
                for _ in range(2 * (last - layer)):
                    wanted.append(((x + 0.5) / cells, (y + 0.5) / cells))
        layer = last
    assert len(wanted) == 28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6 == 2254
    np.testing.assert_allclose(blazepose.anchors(), wanted, atol=1e-7)


def test_a_candidate_by_hand() -> None:
    """About the anchor (0.5, 0.25): the face is 112 x 56 pixels, its middle 22.4 right and 11.2 below."""
    values = np.array([[22.4, 11.2, 112, 56, 0, 44.8, 0, -44.8, 2.24, 0, 0, 22.4]])
    found = blazepose.decoded(values, np.array([[0.5, 0.25]]), np.array([0.9]))
    np.testing.assert_allclose(found.faces, [[0.35, 0.175, 0.85, 0.425]])
    np.testing.assert_allclose(found.points, [[[0.5, 0.45], [0.5, 0.05], [0.51, 0.25], [0.5, 0.35]]])


def test_candidates_of_one_face_become_their_weighted_mean() -> None:
    faces = np.array(
        [[0, 0, 1, 1], [5, 5, 6, 6], [0, 0, 1, 0.5], [0, 0, 1, 0.2]], float
    )  # IoU with the first: 0.5, 0.2
    points = np.arange(4)[:, None, None] * np.ones((4, 4, 2))
    found = blazepose.merged(Candidates(np.array([0.9, 0.8, 0.6, 0.5]), faces, points))
    assert found.scores.tolist() == [0.9, 0.8, 0.5]
    np.testing.assert_allclose(found.points[:, 0, 0], [(0.9 * 0 + 0.6 * 2) / 1.5, 1, 3])
    np.testing.assert_allclose(found.faces[0], [0, 0, 1, (0.9 * 1 + 0.6 * 0.5) / 1.5])
    nobody = blazepose.merged(Candidates(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4, 2))))
    assert (nobody.faces.shape, nobody.points.shape) == ((0, 4), (0, 4, 2))


def test_heat_by_a_loop() -> None:
    heat = RNG.normal(-1.5, 1.2, (16, 12, 60)).astype(np.float32)
    heat[..., ::3] -= 6  # nowhere sure
    places = RNG.uniform(-0.1, 1.1, (60, 2))
    wanted = places.copy()
    for point, (x, y) in enumerate(places):
        column, row = math.floor(x * 12), math.floor(y * 16)
        if not (0 <= column < 12 and 0 <= row < 16):
            continue
        total = sum_x = sum_y = most = 0.0
        for r in range(max(0, row - 3), min(16, row + 4)):
            for c in range(max(0, column - 3), min(12, column + 4)):
                warm = 1 / (1 + math.exp(-heat[r, c, point]))
                total, sum_x, sum_y, most = total + warm, sum_x + c * warm, sum_y + r * warm, max(most, warm)
        if most >= 0.5:
            wanted[point] = sum_x / total / 12, sum_y / total / 16
    assert 10 < (wanted != places).any(1).sum() < 40
    np.testing.assert_allclose(blazepose.refined(places, heat), wanted, atol=1e-6)


def test_the_square_of_a_body() -> None:
    """1.25 times the circle about the hips through the second point: 2 x 1.25 x 40."""
    region = blazepose.region_of(np.array([[100.0, 200.0], [100.0, 160.0]]))
    assert region is not None
    np.testing.assert_allclose(region, (100, 200, 100, 0, -1), atol=1e-12)
    assert blazepose.region_of(np.zeros((2, 2))) is None
