"""Stacks of differences and of flow, by hand; and the first convolution that takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cache.errors import UnknownName
from cache.spec import Status
from pipeline.stage import Photo
from pipeline.stages import flow, rgb_difference
from pipeline.stages._backbone_networks import build
from pipeline.stages._motion import widen
from pipeline.weights.folder import Weights

SMALL = {"model": "shufflenet_v2_x0_5", "size": (32, 32)}
BOX = np.array([[8, 8, 40, 40]], np.float32)


def grey(level: int, inside: int | None = None) -> Image.Image:
    """64 x 48, of one level, and in BOX of another."""
    pixels = np.full((48, 64, 3), level, np.uint8)
    pixels[8:40, 8:40] = level if inside is None else inside
    return Image.fromarray(pixels)


def joints(*seen: tuple[float, float]) -> np.ndarray:
    """Of one person: nose, eyes, ears at ``seen``."""
    out = np.zeros((1, 18, 3), np.float32)
    for joint, place in zip((0, 14, 15, 16, 17), seen, strict=False):
        out[0, joint] = (*place, 0.9)
    return out


def given(stage: Any, photo: Photo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[np.ndarray, Any]:
    """What the network of ``stage`` is given of ``photo``, and the rows."""
    stage.load("cpu", Weights(tmp_path, untrained=True))
    network, seen = stage.network, []

    def spy(stack: torch.Tensor) -> Any:
        seen.append(stack.numpy())
        return network(stack)

    monkeypatch.setattr(stage, "network", spy)
    found = stage.extract(stage.prepare(photo))
    return (seen[0] if seen else np.zeros(0)), found


def test_a_first_convolution_is_averaged_over_colour_and_repeated() -> None:
    network = build("resnet18", (224, 224), (32, 32), False)
    before = network.network.conv1.weight.detach().numpy()
    widen(network.network, 10)
    after = network.network.conv1.weight.detach().numpy()
    mean = (before[:, 0] + before[:, 1] + before[:, 2]) / 3
    assert after.shape == (64, 10, 7, 7)
    for channel in range(10):
        np.testing.assert_allclose(after[:, channel], mean, rtol=1e-5, atol=1e-7)
    network.eval()
    assert network(torch.zeros(1, 10, 32, 32))[0].shape == (1, 512)


def test_trained_weights_are_read_as_those_for_photographs(tmp_path: Path) -> None:
    """The stage with a file of weights answers as that network does to the mean weights' arithmetic."""
    torch.manual_seed(5)
    own = build("shufflenet_v2_x0_5", (224, 224), (32, 32), False).eval()
    torch.save(own.network.state_dict(), tmp_path / "mine.pth")
    stage = rgb_difference.Extractor(rgb_difference.Extractor.Config(**SMALL, weights="file:mine.pth"))
    stage.load("cpu", Weights(tmp_path))
    stack = torch.randn(2, 15, 32, 32)
    grey_kernel = own.network.conv1[0].weight.mean(1, keepdim=True)
    own.network.conv1[0].weight = torch.nn.Parameter(grey_kernel.repeat(1, 3, 1, 1))
    with torch.inference_mode():  # the sum over 15 channels is that over 3 sums of five
        expected = own(stack.view(2, 5, 3, 32, 32).sum(1))[0]
        found = stage.network(stack)[0]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model", ["googlenet", "inception_resnet_v1", "vit_b_32"])
def test_other_networks_take_stacks_too(model: str) -> None:
    size = (224, 224) if model == "vit_b_32" else (96, 96)
    network = build(model, size, size, False).eval()
    widen(network.network, 4)
    assert torch.isfinite(network(torch.randn(1, 4, *size))[0]).all()


def test_differences_are_the_next_less_this_one_over_twice_the_deviation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = [100, 110, 90, 90, 255, 0]
    frames = [grey(0, level) for level in levels]
    stage = rgb_difference.Extractor(rgb_difference.Extractor.Config(**SMALL))
    seen, found = given(stage, Photo("a.mp4", frames[0], BOX, tuple(frames[1:])), monkeypatch, tmp_path)
    assert seen.shape == (1, 15, 32, 32)
    deviation = (58.395 + 57.12 + 57.375) / 3
    expected = np.repeat(np.diff(levels), 3) / (2 * deviation)
    np.testing.assert_allclose(seen[0], np.broadcast_to(expected[:, None, None], (15, 32, 32)), rtol=1e-5, atol=1e-6)
    assert found.status.tolist() == [Status.OK]


def test_in_a_context_what_the_person_does_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = rgb_difference.Extractor.Config(**SMALL, input="context")
    frames = [grey(10, level) for level in (0, 200, 0, 200, 0, 200)]
    seen, _ = given(
        rgb_difference.Extractor(config), Photo("a.mp4", frames[0], BOX, tuple(frames[1:])), monkeypatch, tmp_path
    )
    assert not seen.any()
    frames[3] = grey(60, 0)
    seen, _ = given(
        rgb_difference.Extractor(config), Photo("a.mp4", frames[0], BOX, tuple(frames[1:])), monkeypatch, tmp_path
    )
    assert np.flatnonzero(np.abs(seen[0]).sum((1, 2))).tolist() == [6, 7, 8, 9, 10, 11]
    assert not seen[0, :, 14:18, 14:18].any(), "blanked"


def test_a_head_is_the_square_of_its_joints_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joints of 20 to 28 across and 20 to 24 down: a square of 16 about (24, 22)."""
    bright = np.zeros((48, 64, 3), np.uint8)
    bright[14:30, 16:32] = 100
    frames = (Image.fromarray(bright), *[grey(0)] * 4)
    config = rgb_difference.Extractor.Config(**SMALL, input="head")
    photo = Photo("a.mp4", grey(0), BOX, frames, joints((24, 20), (22, 22), (26, 22), (20, 24), (28, 24)))
    seen, _ = given(rgb_difference.Extractor(config), photo, monkeypatch, tmp_path)
    assert np.ptp(seen[0, 0, 1:-1, 1:-1]) < 1e-6
    assert (seen[0, 0, 0] < seen[0, 0, 1, 1]).all(), "the edge mixes with what is beyond it"


@pytest.mark.parametrize("module", [rgb_difference, flow])
def test_no_head_is_no_face_and_no_joints_or_frames_are_failures(module: Any, tmp_path: Path) -> None:
    stage = module.Extractor(module.Extractor.Config(**SMALL, input="head"))
    stage.load("cpu", Weights(tmp_path, untrained=True))
    two, after = np.repeat(BOX, 2, 0), tuple(grey(9) for _ in range(5))
    half = np.concatenate([joints((24, 20)), joints((24, 20), (20, 24))])
    found = stage.extract(stage.prepare(Photo("a.mp4", grey(9), two, after, half)))
    assert found.status.tolist() == [Status.NO_FACE, Status.OK]
    assert found.messages[0] == "1 of the head's 5 joints are seen, of no size"
    found = stage.extract(stage.prepare(Photo("a.mp4", grey(9), two, after)))
    assert found.status.tolist() == [Status.FAILED] * 2
    assert found.messages[0] == "input = 'head' takes heads from the annotation's joints, and this dataset has none"
    found = stage.extract(stage.prepare(Photo("a.jpg", grey(9), two)))
    assert found.messages == ["0 frames after it, 5 are wanted: motion is for videos"] * 2


def test_the_fields_of_both_directions() -> None:
    assert flow.steps(5, "forward") == ([0, 1, 2, 3, 4], [1, 2, 3, 4, 5])
    assert flow.steps(5, "bidirectional") == ([2, 3, 4, 2, 1], [3, 4, 5, 1, 0])
    assert flow.steps(4, "bidirectional") == ([2, 3, 2, 1], [3, 4, 1, 0])
    assert flow.steps(1, "bidirectional") == ([0], [1])


def test_fields_are_clipped_and_quantised() -> None:
    pixels = np.array([-99, -20, -10, 0, 0.16, 10, 20, 99], np.float32)
    assert flow.quantised(pixels).tolist() == [0, 0, 64, 128, 129, 191, 255, 255]


def test_a_stack_is_x_and_y_of_each_field_cut_per_person_and_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up method: pair k moves by (k, -k) pixels of the field, and left of its middle not at all."""
    calls = []

    def method(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        calls.append((first[:, 0, 0, 0].tolist(), second[:, 0, 0, 0].tolist()))
        fields = np.zeros((len(first), 2, *first.shape[1:3]), np.float32)
        for pair in range(len(first)):
            fields[pair, 0, :, 64:], fields[pair, 1, :, 64:] = pair + 1, -pair - 1
        return fields

    config = flow.Extractor.Config(**SMALL, field=(96, 128), length=2, direction="bidirectional", keep=True)
    stage = flow.Extractor(config)
    frames = [grey(level) for level in (0, 50, 100)]
    people = np.array([[0, 0, 30, 48], [40, 0, 64, 48]], np.float32)
    photo = Photo("a.mp4", frames[0], people, tuple(frames[1:]))
    stage.load("cpu", Weights(tmp_path, untrained=True))
    monkeypatch.setattr(stage, "method", method)
    found = stage.extract(stage.prepare(photo))
    assert calls == [([50, 50], [100, 0])]
    expected = [round((v + 20) / 40 * 255) for v in (1, -1, 2, -2)]
    assert (found.arrays["flow"][0] == 128).all()
    assert found.arrays["flow"][1].min(axis=(1, 2)).tolist() == expected
    assert found.arrays["flow"][1].max(axis=(1, 2)).tolist() == expected
    assert stage.outputs["flow"].compressed
    assert (found.arrays["pooled"][0] != found.arrays["pooled"][1]).any()


def test_the_network_is_given_flow_about_128(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = flow.Extractor(flow.Extractor.Config(**SMALL, field=(48, 64), length=1))
    seen, _ = given(stage, Photo("a.mp4", grey(7), BOX, (grey(7),)), monkeypatch, tmp_path)
    assert np.abs(seen).max() == 0, "nothing moves"


def test_a_context_has_no_motion_in_the_persons_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = flow.Extractor(flow.Extractor.Config(**SMALL, field=(48, 64), length=1, input="context", keep=True))
    stage.load("cpu", Weights(tmp_path, untrained=True))
    monkeypatch.setattr(stage, "method", lambda *frames: np.full((len(frames[0]), 2, 48, 64), 20, np.float32))
    found = stage.extract(stage.prepare(Photo("a.mp4", grey(7), BOX, (grey(7),))))
    kept = found.arrays["flow"][0]
    assert kept[0, 0, 0] == 255
    assert kept[0, 16, 12] == 128


def test_flow_is_kept_only_when_asked_and_raft_brings_its_weights() -> None:
    config = flow.Extractor.Config
    assert set(flow.Extractor(config()).outputs) == {"pooled"}
    assert flow.Extractor(config(keep=True)).outputs["flow"].shape == (10, 224, 224)
    assert flow.Extractor(config()).weights == ("resnet18",)
    assert flow.Extractor(config(method="raft_small")).weights == ("resnet18", "raft_small")
    with pytest.raises(UnknownName, match="no backbone model"):
        config(model="resnet19")
