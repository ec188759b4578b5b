"""Geometry against hand calculations, OpenCV and brute force."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decoding.boxes import (
    assign_faces,
    body_region,
    crop_matrix,
    enlarge,
    fault,
    head_match,
    head_region,
    similarity,
)


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ((0, 0, 100, 50), ""),
        ((0, 0, 100.5, 50), "box (0, 0, 100.5, 50) leaves the image of 100 x 50"),
        ((-1, 0, 10, 10), "box (-1, 0, 10, 10) leaves the image of 100 x 50"),
        ((10, 10, 10, 20), "box (10, 10, 10, 20) is empty"),
        ((0, float("nan"), 10, 10), "box (0, nan, 10, 10) is not finite"),
    ],
)
def test_fault(box: tuple[float, ...], text: str) -> None:
    assert fault(np.array(box), 100, 50) == text


def test_enlarge_grows_the_shorter_side() -> None:
    centre, size = enlarge(np.array([10.0, 20, 30, 60]), 1.25, 192 / 256)
    assert centre.tolist() == [20, 40]
    assert size.tolist() == [37.5, 50]  # 20 x 40 -> 25 x 50, then the width to 50 * 3 / 4
    _, size = enlarge(np.array([0.0, 0, 100, 10]), 1.0, 0.5)
    assert size.tolist() == [100, 200]


def test_crop_matrix_takes_the_region_to_the_whole_output() -> None:
    matrix = crop_matrix(np.array([20.0, 40]), np.array([37.5, 50]), (256, 192))
    corners = np.array([[20 - 18.75, 40 - 25, 1], [20 + 18.75, 40 + 25, 1]])
    np.testing.assert_allclose(corners @ matrix.T, [[0, 0], [192, 256]], atol=1e-9)


@given(st.floats(-3, 3), st.floats(0.1, 5), st.floats(-50, 50), st.floats(-50, 50))
@settings(max_examples=50, deadline=None)
def test_similarity_finds_the_map_that_made_the_points(angle: float, scale: float, dx: float, dy: float) -> None:
    points = np.array([[0, 0], [10, 1], [5, 6], [1, 9], [9, 10]], float)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity(points, points @ turn.T + (dx, dy))
    np.testing.assert_allclose(matrix, np.column_stack([turn, (dx, dy)]), atol=1e-8)


def test_similarity_is_the_least_squares_solution() -> None:
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    rows = [[x, -y, 1, 0] for x, y in source] + [[y, x, 0, 1] for x, y in source]
    a, b, dx, dy = np.linalg.lstsq(np.array(rows), target.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(similarity(source, target), [[a, -b, dx], [b, a, dy]], atol=1e-9)


PERSON = np.array([[100.0, 100, 200, 400]])


def face_at(x: float, y: float, side: float = 40) -> np.ndarray:
    return np.array([[x - side / 2, y - side / 2, x + side / 2, y + side / 2]])


@pytest.mark.parametrize(
    ("face", "owned"),
    [
        (face_at(150, 130), True),
        (face_at(110, 130), True),  # leans to one side
        (face_at(150, 300), False),  # at the knees
        (face_at(150, 90), False),  # its centre is above the box
        (face_at(99, 130), False),  # half beside it
        (face_at(150, 160, 130), False),  # wider than the person
    ],
)
def test_whose_face_it_can_be(face: np.ndarray, owned: bool) -> None:
    assert assign_faces(face, PERSON).tolist() == [0 if owned else -1]


def test_two_overlapping_persons_and_one_face() -> None:
    """The nearer person turned away: the face inside both boxes is the other's, wherever that one is listed."""
    behind, front = (100.0, 100, 200, 400), (150.0, 80, 260, 400)
    persons, face = np.array([behind, front]), face_at(160, 130)
    assert assign_faces(face, persons).tolist() == [0, -1]
    assert assign_faces(face, persons[::-1]).tolist() == [-1, 0]


def test_a_leaning_person_keeps_the_face_that_lies_in_the_middle_of_anothers_box() -> None:
    """As in a real photograph: a skier leans far forward before one who stands; only the first shows the face."""
    leaning, standing = (139.0, 102, 362, 344), (287.0, 61, 362, 227)
    assert assign_faces(face_at(333, 132, 24), np.array([leaning, standing])).tolist() == [0, -1]


DLIB, TALL = (100.0, 120, 180, 200), (100.0, 95, 180, 205)
"""One face as dlib boxes it, from the brows to the chin, and as MTCNN does, with the forehead: IoU 6400 / 8800."""


def test_a_box_that_is_a_face_gets_that_face() -> None:
    """CAER-S: the person's box is the face, by this detector or another, and its own centre is not at a body's top."""
    for person in (DLIB, TALL, (104.0, 90, 172, 200)):
        assert assign_faces(np.array([TALL]), np.array([person])).tolist() == [0]
    assert head_match(np.array([TALL]), np.array([DLIB]))[0, 0] == pytest.approx(1 + 6400 / 8800)
    assert head_match(np.array([TALL]), np.array([TALL]))[0, 0] == pytest.approx(2)


def test_a_speck_in_a_face_does_not_take_its_place() -> None:
    """As a head in a body the speck would fit perfectly: three quarters of its side below the top, in the middle."""
    speck = face_at(140, 120 + 0.75 * 16, 16)
    assert head_match(speck, np.array([DLIB]))[0, 0] == pytest.approx(1)
    assert assign_faces(np.vstack([speck, TALL]), np.array([DLIB])).tolist() == [1]


def test_a_face_beside_a_box_that_is_a_face_is_not_its_own() -> None:
    beside = np.add([TALL], [60, 0, 60, 0])
    assert assign_faces(beside, np.array([TALL])).tolist() == [-1]
    assert assign_faces(np.vstack([beside, TALL]), np.array([TALL, beside[0]])).tolist() == [1, 0]


@given(
    st.tuples(*[st.floats(0, 500, width=32)] * 2).map(np.float32),
    st.tuples(*[st.floats(0.125, 500, width=32)] * 2).map(np.float32),
)
def test_the_head_region_is_in_the_top_of_the_box(low: np.ndarray, extent: np.ndarray) -> None:
    person = np.concatenate([low, low + extent])
    x1, y1, x2, y2 = head_region(person).tolist()
    assert person[0] <= x1 < x2 <= person[2]
    assert y1 == person[1] < y2 <= person[3]
    width, height = (person[2:] - person[:2]).tolist()
    assert x2 - x1 == pytest.approx(min(width, 0.4 * height), abs=1e-3)
    assert y2 - y1 == pytest.approx(x2 - x1, abs=1e-3)
    assert x1 + x2 == pytest.approx(float(person[0] + person[2]), abs=1e-3)


def test_the_body_of_a_face_by_hand() -> None:
    """A face 24 high about x 110: 12 above it, 9.5 x 24 = 228 high, 4 x 24 = 96 wide; edges of the image end it."""
    face = np.array([100, 100, 120, 124])
    assert body_region(face, 400, 400).tolist() == [62, 88, 158, 316]
    assert body_region(face, 130, 200).tolist() == [62, 88, 130, 200]
    assert body_region(np.array([0, 0, 24, 6]), 50, 40).tolist() == [0, 0, 50, 40]


def test_nobody_and_nothing() -> None:
    none = np.zeros((0, 4))
    assert assign_faces(none, PERSON).tolist() == [-1]
    assert assign_faces(PERSON, none).tolist() == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_assignment_is_the_best_of_all(seed: int, faces: int, persons: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 60, (persons, 2))
    people = np.hstack([low, low + rng.uniform(40, 120, (persons, 2))])
    low = rng.uniform(0, 80, (faces, 2))
    found = np.hstack([low, low + rng.uniform(8, 30, (faces, 1))])
    owner, match = assign_faces(found, people), head_match(found, people)
    given_away = owner[owner >= 0]
    assert len(set(given_away.tolist())) == len(given_away)
    total = sum(match[person, face] for person, face in enumerate(owner) if face >= 0)
    padded = np.pad(match, ((0, faces), (0, persons)))
    best = max(padded[range(persons), list(order)].sum() for order in permutations(range(faces + persons), persons))
    assert total == pytest.approx(best)
    assert all(match[person, face] > 0 for person, face in enumerate(owner) if face >= 0)
