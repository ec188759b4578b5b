"""Networks from the shipped configs, in a process where nothing of OpenMMLab was loaded before."""

import importlib
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from cache.errors import UnknownName
from pipeline.networks import openmmlab

FRESH = """
from pipeline.networks import openmmlab
pose = openmmlab.build_pose("rtmpose-t")
segmentor = openmmlab.build_segmentor("demo_hr8")
pose_again = openmmlab.build_pose("rtmpose-t")
print([sum(p.numel() for p in network.parameters()) for network in (pose, segmentor, pose_again)])
"""


def test_both_packages_in_one_fresh_process_in_silence() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", FRESH], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "[3506360, 336166, 3506360]\n"


@pytest.mark.parametrize(("model", "channels"), [("demo_hr8", (8, 16, 32, 64)), ("fcn_hr18s", (18, 36, 72, 144))])
def test_segmentor(model: str, channels: tuple[int, ...]) -> None:
    network = openmmlab.build_segmentor(model).eval()
    assert type(network.backbone).__module__.startswith("mmseg.")
    assert network.decode_head.in_channels == sum(channels)  # concatenated
    assert not any(isinstance(module, torch.nn.SyncBatchNorm) for module in network.modules())
    with torch.inference_mode():
        features = network.extract_feat(torch.zeros(1, 3, 64, 96))
        assert [tuple(one.shape[1:]) for one in features] == [
            (width, 16 >> level, 24 >> level) for level, width in enumerate(channels)
        ]
        assert network.decode_head(features).shape == (1, 150, 16, 24)


def test_full_size_settings_are_those_of_the_shipped_config() -> None:
    """Not built here: 66 M parameters. Widths: mmsegmentation's model zoo."""
    settings = openmmlab._settings("mmseg", openmmlab.SEGMENTORS, "fcn_hr48")
    assert settings["decode_head"]["in_channels"] == [48, 96, 192, 384]
    assert settings["decode_head"]["num_classes"] == 150
    assert "pretrained" not in settings
    assert "SyncBN" not in str(settings)


@pytest.mark.parametrize("model", ["rtmpose-s", "rtmpose-t", "dwpose-t", "rtmw-m"])
def test_pose_has_no_address_to_fetch_from(model: str) -> None:
    pose = openmmlab.POSES[model]
    settings = openmmlab._settings("mmpose", {model: pose.file}, model)
    assert "http" not in str(settings)
    network = openmmlab.build_pose(model).eval()
    openmmlab.hold_back_known_warnings()
    with torch.inference_mode():
        x, y = network.head(network.extract_feat(torch.zeros(1, 3, *pose.size)))
    assert (x.shape, y.shape) == ((1, pose.keypoints, 2 * pose.size[1]), (1, pose.keypoints, 2 * pose.size[0]))


@pytest.mark.parametrize("model", list(openmmlab.POSES))
def test_every_poses_table_entry_is_that_of_its_config(model: str) -> None:
    """Not built here. The input is (w, h) in a codec."""
    pose = openmmlab.POSES[model]
    head = openmmlab._settings("mmpose", {model: pose.file}, model)["head"]
    assert head["out_channels"] == pose.keypoints
    assert tuple(head["decoder"]["input_size"]) == pose.size[::-1]
    assert (head["decoder"]["type"], head["decoder"]["simcc_split_ratio"]) == ("SimCCLabel", 2.0)


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'fcn_hr48'"):
        openmmlab.build_segmentor("fcn_hr84")
    with pytest.raises(UnknownName, match="Did you mean 'rtmpose-m'"):
        openmmlab.build_pose("rtmpose_m")


@pytest.mark.skipif(find_spec("mmdet") is not None, reason="the real mmdet is installed")
def test_a_placeholder_fails_loudly_when_used() -> None:
    openmmlab.build_segmentor("demo_hr8")
    detector = importlib.import_module("mmdet.models.detectors").Anything
    with pytest.raises(
        NotImplementedError, match=r"mmdet\.models\.detectors\.Anything is a placeholder: install the real mmdet"
    ):
        detector(3)
    point_sample = importlib.import_module("mmcv.ops").point_sample
    with pytest.raises(NotImplementedError, match="install the real mmcv"):
        point_sample(torch.zeros(1), points=None)
    assert not hasattr(importlib.import_module("mmdet"), "__version__")


def test_the_real_package_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """mmcv-lite ships mmcv/ops without operators, so only mmcv._ext tells."""
    monkeypatch.setattr(openmmlab, "OPTIONAL", {"real": "json", "absent": "no_such_package"})
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr(openmmlab, "find_spec", lambda name: object() if name == "json" else None)
    openmmlab._place()
    (finder,) = sys.meta_path
    assert finder.find_spec("real.module") is None
    assert finder.find_spec("absent.module") is not None
