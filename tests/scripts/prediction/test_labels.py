"""Labels lie on no face and on no other label wherever there is room."""

import numpy as np
import pytest

from pipeline.decoding.boxes import head_region
from scripts.prediction import labels

EXTENT = (1000.0, 700.0)


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3])


@pytest.mark.parametrize("seed", range(25))
def test_on_random_layouts_with_room(seed: int) -> None:
    draw = np.random.default_rng(seed)
    people = int(draw.integers(1, 13))
    low = draw.uniform(0, (800, 400), (people, 2))
    bodies = np.concatenate([low, low + draw.uniform((20, 60), (200, 300), (people, 2))], 1)
    faces = np.array([head_region(body) for body in bodies], np.float64)
    sizes = [(float(width), 36.0) for width in draw.uniform(60, 150, people)]
    placed = labels.place(sizes, bodies, faces, EXTENT)
    np.testing.assert_allclose(placed[:, 2:] - placed[:, :2], sizes)
    assert (placed[:, :2] >= 0).all()
    assert (placed[:, 2:] <= EXTENT).all()
    for index, label in enumerate(placed):
        assert not any(overlap(label, other) for other in placed[index + 1 :])
        assert not any(overlap(label, face) for face in faces)
    assert labels.free(placed, faces, EXTENT)


def test_somebody_alone_has_the_label_right_above_else_below() -> None:
    sizes, none = [(80.0, 40.0)], np.zeros((0, 4))
    assert labels.place(sizes, np.array([[100.0, 100, 200, 300]]), none, EXTENT).tolist() == [[100, 55, 180, 95]]
    assert labels.place(sizes, np.array([[100.0, 10, 200, 300]]), none, EXTENT).tolist() == [[100, 305, 180, 345]]


def test_no_room_is_told() -> None:
    bodies = np.array([[0.0, 0, 100, 50], [0.0, 0, 100, 50]])
    none = np.zeros((0, 4))
    assert not labels.free(labels.place([(90.0, 40.0)] * 2, bodies, none, (100.0, 50.0)), none, (100.0, 50.0))
    assert not labels.free(labels.place([(110.0, 40.0)], bodies[:1], none, (100.0, 50.0)), none, (100.0, 50.0))
    assert not labels.free(np.array([[0.0, 0, 9, 9]]), np.array([[8.0, 8, 20, 20]]), (100.0, 50.0))
    assert labels.free(np.array([[0.0, 0, 9, 9], [9.0, 0, 18, 9]]), none, (100.0, 50.0))


def test_the_share_of_a_label_on_others_by_hand() -> None:
    own, other = [0.0, 0, 10, 10], [5.0, 0, 25, 10]
    assert labels.on_others(np.array([[0.0, 0, 10, 10]]), np.array([own])) == 0
    assert labels.on_others(np.array([own, [40.0, 0, 50, 10]]), np.array([own, other])) == 0.5
