"""RAFT as torchvision's own example runs it, with the same weights."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models import optical_flow

from pipeline.networks.flow.methods import build
from pipeline.weights.catalogue import find
from pipeline.weights.folder import Weights

PUBLISHED = {"raft_small": optical_flow.Raft_Small_Weights, "raft_large": optical_flow.Raft_Large_Weights}


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_torchvisions_own_path(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = getattr(optical_flow, name)().eval()
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    first, second = np.random.default_rng(4).integers(0, 256, (2, 1, 128, 136, 3), np.uint8)
    frames = [torch.from_numpy(frame).permute(0, 3, 1, 2) for frame in (first, second)]
    with torch.inference_mode():
        expected = network(*PUBLISHED[name].DEFAULT.transforms()(*frames))[-1].numpy()
    flow = build(name, "cpu", _Mine(tmp_path))
    np.testing.assert_allclose(flow(first, second), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


class _Mine(Weights):
    """One file under every name."""

    def load_into(self, name: str, network: Any, rename: Any = None, adapt: Any = None, colours: Any = None) -> None:
        super().load_into("file:mine.pth", network, rename, adapt, colours)


@pytest.mark.parametrize("name", PUBLISHED)
def test_its_weights_are_torchvisions_best(name: str) -> None:
    assert find(name).url == PUBLISHED[name].DEFAULT.url


def test_odd_and_small_frames(tmp_path: Path) -> None:
    frames = np.random.default_rng(5).integers(0, 256, (2, 1, 100, 131, 3), np.uint8)
    flow = build("raft_small", "cpu", Weights(tmp_path, untrained=True))
    assert flow(*frames).shape == (1, 2, 100, 131)


def test_two_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    """torchvision's network keeps one pair's correlations in itself."""
    flow = build("raft_small", "cpu", Weights(tmp_path, untrained=True))
    pairs = [np.random.default_rng(width).integers(0, 256, (2, 1, 128, width, 3), np.uint8) for width in (128, 144)]
    alone = [flow(*pair) for pair in pairs]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda pair: flow(*pair), pairs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
