"""Every method finds motions that are known, by end-point error."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.networks.flow.methods import METHODS, build, grey
from pipeline.weights.folder import Weights
from scripts.bench.flow_scenes import Scene, end_point_error, moved, scenes

ALLOWED = {"dis": 0.25, "dis_ultrafast": 0.35, "farneback": 0.35, "tvl1": 0.15}
"""Pixels, of motions of about four."""
SMALL = (128, 160)


@pytest.fixture(scope="module")
def known() -> dict[str, Scene]:
    return scenes(SMALL)


@pytest.mark.parametrize("motion", ["translation", "rotation", "zoom"])
@pytest.mark.parametrize("method", ALLOWED)
def test_a_known_motion_is_found(method: str, motion: str, known: dict[str, Scene], tmp_path: Path) -> None:
    flow, scene = build(method, "cpu", Weights(tmp_path)), known[motion]
    found = flow(scene.first[None], scene.second[None])
    assert (found.dtype, found.shape) == (np.float32, (1, 2, *SMALL))
    assert end_point_error(found[0], scene) < ALLOWED[method]
    assert end_point_error(np.zeros_like(found[0]), scene) > 1, "the scene moves"


@pytest.mark.parametrize("method", sorted({*METHODS} - {"raft_large"}))  # the small one's form, and slow
def test_pairs_of_a_batch_do_not_influence_each_other(method: str, known: dict[str, Scene], tmp_path: Path) -> None:
    flow = build(method, "cpu", Weights(tmp_path, untrained=True))
    first, second = (np.stack([getattr(known[name], side) for name in ("zoom", "block")]) for side in Scene._fields[:2])
    found = flow(first, second)
    assert found.shape == (2, 2, *SMALL)
    for index in range(2):
        alone = flow(first[index : index + 1], second[index : index + 1])[0]
        np.testing.assert_allclose(found[index], alone, rtol=1e-4, atol=1e-4)
    assert flow(first[:0], second[:0]).shape == (0, 2, *SMALL)


def test_grey_is_luminance() -> None:
    colours = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]]], np.uint8)
    assert grey(colours)[0, 0].tolist() == pytest.approx([0.299 * 255, 0.587 * 255, 0.114 * 255, 255, 0], abs=1)


def test_x_is_to_the_right_and_y_is_down(tmp_path: Path) -> None:
    scene = moved(np.stack([np.full(SMALL, 4.0), np.full(SMALL, -2.0)]))
    for method in ALLOWED:
        found = build(method, "cpu", Weights(tmp_path))(scene.first[None], scene.second[None])
        assert np.median(found[0], axis=(1, 2)) == pytest.approx([4, -2], abs=0.2), method
